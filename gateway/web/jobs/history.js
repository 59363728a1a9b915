// What this page saw happen to one job. The gateway tells how a job stands, not how it came there.

const RANK = { began: 0, stage: 1, cancel: 2, ended: 3, again: 4 };

/**
 * @typedef {object} Event
 * @property {keyof typeof RANK} kind
 * @property {number} attempt
 * @property {string | null} at Null: it was not seen when it happened.
 * @property {string} [stage]
 * @property {{code: string, message: string} | null} [error]
 * @property {"completed" | "failed" | "cancelled" | "retry"} [outcome]
 */

export class History {
  #events = new Map(); // by what may be there once

  /**
   * Note what is different.
   *
   * @param {import("../types.js").Job | null} before Null: the job is seen for the first time.
   * @param {import("../types.js").Job} after
   * @param {string} at When it was said.
   */
  note(before, after, at) {
    const { attempt } = after;
    if (before?.result && !after.result) this.#add(`again:${before.attempt}`, { kind: "again", attempt: before.attempt, at });
    if (attempt > 0 && after.startedAt) this.#add(`began:${attempt}`, { kind: "began", attempt, at: after.startedAt });
    if (after.stage && after.stage !== "waiting" && (before?.stage !== after.stage || before.attempt !== attempt)) {
      this.#add(`stage:${attempt}:${after.stage}`, { kind: "stage", attempt, at: before ? at : null, stage: after.stage });
    }
    if (after.cancelRequested && !before?.cancelRequested) this.#add(`cancel:${attempt}`, { kind: "cancel", attempt, at: before ? at : null });
    if (after.result) {
      this.#add(`ended:${attempt}`, { kind: "ended", attempt, at: after.finishedAt, outcome: after.status, error: after.error });
    } else if (after.nextAttemptAt && after.error) {
      this.#add(`ended:${attempt}`, { kind: "ended", attempt, at: before ? at : null, outcome: "retry", error: after.error });
    }
  }

  /** What was seen, in its order. @returns {Event[]} */
  get events() {
    return [...this.#events.values()].sort(
      (one, other) => one.attempt - other.attempt || RANK[one.kind] - RANK[other.kind] || (one.at ?? "").localeCompare(other.at ?? ""),
    );
  }

  #add(key, event) {
    if (!this.#events.get(key)?.at) this.#events.set(key, event);
  }
}
