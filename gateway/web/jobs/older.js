// The jobs before the newest 200: a page at a time, when somebody asks.

import { byId, setText } from "../dom/element.js";
import { sentence } from "../server/request.js";
import { call } from "../server/session.js";

export class Older {
  #cursor = null;
  #isBegun = false;
  #put;

  /** @param {(view: import("../types.js").Job) => void} put */
  constructor(put) {
    this.#put = put;
    byId("older").addEventListener("click", () => this.#show());
  }

  /** Forget whose pages these were. */
  clear() {
    this.#isBegun = false;
    byId("older").hidden = true;
  }

  /** Take over where the newest page ended; not once an older one was shown. */
  after({ more, cursor }) {
    if (this.#isBegun || cursor === undefined) return;
    this.#cursor = cursor;
    byId("older").hidden = !more;
  }

  async #show() {
    setText(byId("list-error"), "");
    try {
      const page = await call("GET", `/api/jobs?limit=200&cursor=${encodeURIComponent(this.#cursor)}`);
      page.jobs.forEach(this.#put);
      this.#isBegun = true;
      this.#cursor = page.nextCursor;
      byId("older").hidden = page.nextCursor === null;
    } catch (problem) {
      setText(byId("list-error"), sentence(problem));
    }
  }
}
