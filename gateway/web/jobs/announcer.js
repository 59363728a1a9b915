// What a screen reader says: a bar is no live region, and a word on each percent would be noise.

import { byId } from "../dom/element.js";
import { stateText, titleOf } from "./words.js";

const PAUSE_MS = 1_000;
const MOST_AT_ONCE = 3;
const STEP_PERCENT = 25;

export class Announcer {
  #pending = new Map(); // job id -> sentence
  #timer = null;

  /** Say it if it is worth saying: another stage, or another quarter of the way. */
  changed({ view }, before) {
    if (!before) return;
    const quarter = Math.floor(view.progress / STEP_PERCENT);
    if (stateText(view) !== stateText(before)) this.#say(view, stateText(view));
    else if (view.status === "processing" && quarter > Math.floor(before.progress / STEP_PERCENT)) this.#say(view, `${quarter * STEP_PERCENT} percent`);
  }

  #say(view, text) {
    this.#pending.set(view.id, `${titleOf(view)}: ${text}`);
    this.#timer ??= setTimeout(() => this.#speak(), PAUSE_MS);
  }

  #speak() {
    this.#timer = null;
    const said = [...this.#pending.values()];
    this.#pending.clear();
    byId("announcement").textContent = said.length > MOST_AT_ONCE ? `${said.length} jobs changed` : said.join(". ");
  }
}
