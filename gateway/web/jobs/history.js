// What the gateway keeps of one job, asked for anew whenever the job has changed.

import { sentence } from "../server/request.js";
import { call } from "../server/session.js";

const RETRY_MS = 5_000;
const NOTHING_YET = { steps: [], complete: true };

export class History {
  #id = "";
  #version = 0;
  #isAsking = false;
  #notBeforeMs = 0;
  #onNews;
  told = NOTHING_YET;
  /** Why it is not told, or not the newest; empty: it is. */
  problem = "";

  /** @param {() => void} onNews */
  constructor(onNews) {
    this.#onNews = onNews;
  }

  /**
   * See that it is the history of `view` as it stands; what comes is told by `onNews`.
   *
   * @param {import("../types.js").Job} view
   */
  async follow(view) {
    if (view.id !== this.#id) Object.assign(this, { told: NOTHING_YET, problem: "" });
    else if (view.version <= this.#version || this.#isAsking || performance.now() < this.#notBeforeMs) return;
    this.#id = view.id;
    this.#version = view.version;
    this.#isAsking = true;
    try {
      const told = await call("GET", `/api/jobs/${view.id}/history`);
      if (view.id === this.#id) Object.assign(this, { told, problem: "" });
    } catch (problem) {
      if (view.id !== this.#id) return;
      this.problem = sentence(problem);
      this.#version = 0;
      this.#notBeforeMs = performance.now() + RETRY_MS;
    } finally {
      if (view.id === this.#id) this.#isAsking = false;
    }
    this.#onNews();
  }
}
