// Questions and answers over the page: native dialogs, which keep the focus and give it back.

import { copyButton } from "./copying.js";
import { element } from "./element.js";

let count = 0;

function shown(title, ...content) {
  const titleId = `dialog-${(count += 1)}`;
  const dialog = element("dialog", { class: "box", "aria-labelledby": titleId }, element("h2", { id: titleId }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const closer = (label) => element("button", { type: "button", class: "quiet", click: (event) => event.target.closest("dialog").close() }, label);

/**
 * Ask a question; resolves to whether the answer was yes. Escape is no.
 *
 * @param {{title: string, text: string, yes: string, no?: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no = "Not now" }) {
  return new Promise((resolve) => {
    const agree = element("button", { type: "button", class: "yes", click: () => dialog.close("yes") }, yes);
    const dialog = shown(title, element("p", text), element("div", { class: "answers" }, closer(no), agree));
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

/** Show a secret that is shown this once. */
export function showSecret({ title, text, secrets }) {
  const fields = secrets.map(([label, value]) =>
    element("p", { class: "secret" }, element("span", { class: "faint" }, label), element("code", value), copyButton("Copy", () => value)),
  );
  shown(title, element("p", text), ...fields, element("div", { class: "answers" }, closer("Done")));
}

/**
 * Show a form until `save` has succeeded or the person has left it.
 *
 * @param {{title: string, fields: Node[], action: string, save: (form: HTMLFormElement) => Promise<unknown>, more?: Node[]}} given
 */
export function showForm({ title, fields, action, save, more = [] }) {
  const problem = element("p", { class: "problem", role: "alert" });
  const button = element("button", { type: "submit" }, action);
  const form = element("form", ...fields, problem, element("div", { class: "answers" }, ...more, closer("Close"), button));
  const dialog = shown(title, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    button.disabled = true;
    try {
      await save(form);
      dialog.close();
    } catch (failed) {
      problem.textContent = failed.message;
    } finally {
      button.disabled = false;
    }
  });
  return dialog;
}
