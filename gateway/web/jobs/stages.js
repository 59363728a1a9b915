// The stages of one job that this page saw begin. The gateway's history has what is kept: downloading and the like is not.

export class Stages {
  #seen = new Map(); // by attempt and stage

  /**
   * Note what is different.
   *
   * @param {import("../types.js").Job | null} before Null: the job is seen for the first time.
   * @param {import("../types.js").Job} after
   * @param {string} at When it was said.
   */
  note(before, after, at) {
    const { attempt, stage } = after;
    const key = `${attempt} ${stage}`;
    if (!stage || stage === "waiting" || this.#seen.has(key)) return;
    // Of a job that is seen for the first time nobody knows since when.
    this.#seen.set(key, { attempt, stage, at: before ? at : null });
  }

  /** @returns {{attempt: number, stage: string, at: string | null}[]} Of one attempt, in the order in which they began. */
  of(attempt) {
    return [...this.#seen.values()].filter((each) => each.attempt === attempt);
  }
}
