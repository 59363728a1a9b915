// One row of the table. It is made once for each job, and only what is different is set anew.

import { byId, setAttribute, setShown, setText } from "../dom/element.js";
import { agoText, wholeText } from "../dom/moments.js";
import { allowed } from "./actions.js";
import { detailOf, errorOf, sourceOf, stateText, titleOf } from "./words.js";

export class JobRow {
  /**
   * @param {(name: "cancel" | "finish" | "record" | "retry", view: import("../types.js").Job) => void} act
   * @param {string | null} user Who is signed in: jobs of others say whose they are.
   */
  constructor(act, user) {
    this.node = byId("job-row").content.firstElementChild.cloneNode(true);
    this.user = user;
    const part = (selector) => this.node.querySelector(selector);
    this.parts = {
      title: part(".title"), source: part(".source"), state: part(".state"), bar: part("progress"), percent: part(".percent"),
      detail: part(".detail"), problem: part(".problem"), code: part(".code"), why: part(".why"), time: part("time"),
    };
    this.buttons = Object.fromEntries(["cancel", "finish", "record", "retry"].map((name) => [name, part(`.${name}`)]));
    for (const [name, button] of Object.entries(this.buttons)) button.addEventListener("click", () => act(name, this.entry.view));
    this.node.addEventListener("click", ({ target }) => {
      const isOwnClick = target.closest("a, button") !== null || String(getSelection()) !== "";
      if (!isOwnClick) location.hash = `#job=${this.entry.view.id}`;
    });
  }

  /** @param {import("../types.js").Entry} entry */
  draw(entry) {
    this.entry = entry;
    const { view } = entry;
    const { title, source, state, bar, percent, detail, problem, code, why } = this.parts;
    const name = titleOf(view);
    setAttribute(this.node, "data-status", view.status);
    setText(title, name);
    setAttribute(title, "href", `#job=${view.id}`);
    setText(source, [sourceOf(view), view.owner === this.user ? "" : view.owner].filter(Boolean).join(" · "));
    setText(state, stateText(view));
    const isRunning = view.status === "processing";
    setShown(bar, isRunning);
    setShown(percent, isRunning);
    if (isRunning) {
      bar.value = view.progress;
      setAttribute(bar, "aria-label", `Progress of ${name}`);
      setText(percent, `${Math.round(view.progress)} %`);
    }
    setText(detail, detailOf(entry));
    const error = errorOf(view);
    setShown(problem, error !== null);
    setShown(code, Boolean(error?.code));
    setText(code, error?.code ?? "");
    setText(why, error?.message ?? "");
    this.#drawButtons(view, name);
    this.drawTime();
  }

  #drawButtons(view, name) {
    const may = allowed(view);
    for (const [what, button] of Object.entries(this.buttons)) {
      setShown(button, may[what]);
      setAttribute(button, "aria-label", `${button.textContent} ${name}`);
    }
    this.buttons.cancel.disabled = view.cancelRequested;
    this.buttons.finish.disabled = view.finishRequested;
  }

  /** Say again how long ago it was. */
  drawTime() {
    const { time } = this.parts;
    const moment = this.entry.view.finishedAt ?? this.entry.view.addedAt;
    if (time.dateTime !== moment) {
      time.dateTime = moment;
      time.title = wholeText(moment);
    }
    setText(time, agoText(moment));
  }
}
