// The clipboard, also where the page came over plain http and has no `navigator.clipboard`.

import { element } from "./element.js";

/**
 * Copy a text; returns whether it worked.
 *
 * @param {string} text
 * @param {Element} beside Within the dialog that is open, if one is: outside of it nothing can be selected.
 */
export async function copyText(text, beside) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => copySelected(text, beside));
  }
  return copySelected(text, beside);
}

function copySelected(text, beside) {
  const field = element("textarea", { class: "unseen", "aria-hidden": "true", tabindex: "-1" });
  field.value = text;
  const focused = document.activeElement;
  beside.after(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return isCopied;
}

/**
 * A button that copies, and says so for two seconds.
 *
 * @param {() => string} textOf
 */
export function copyButton(label, textOf) {
  const button = element("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    button.textContent = (await copyText(textOf(), button)) ? "Copied" : "Select it and copy by hand";
    setTimeout(() => (button.textContent = label), 2_000);
  });
  return button;
}
