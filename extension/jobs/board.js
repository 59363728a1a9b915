// The jobs that are known, each as it was last said to be. What is older than what is known is ignored.

const CHANGES = new Set(["job:queued", "job:started", "job:retrying", "job:finished"]);
const SHOWN = 50;

/**
 * @typedef {object} Flow How fast it goes now; only live messages tell it.
 * @property {number} bytesDone
 * @property {number | null} bytesTotal
 * @property {number | null} speedBps Bytes a second.
 * @property {number | null} etaSeconds
 */

/** Whether the job is over. */
export const isOver = (view) => view.result !== null;

/** Whether `view` is older than what is known: of one job the version never falls, of one run the percent never does. */
export function isOlder(view, known) {
  if (view.version !== known.version) return view.version < known.version;
  return view.attempt === known.attempt && view.progress < known.progress;
}

export class Board {
  constructor() {
    this.views = new Map(); // id -> job as in REST, with `flow` beside it
  }

  /** Forget all. */
  clear() {
    this.views.clear();
  }

  /** @returns {boolean} Whether it is news. */
  put(view, flow = null) {
    const known = this.views.get(view.id);
    if (known && isOlder(view, known)) return false;
    this.views.set(view.id, { ...view, flow });
    return true;
  }

  /**
   * Take a message of the live connection.
   *
   * @param {any} message
   * @param {string} user Whose jobs are shown; an admin hears of everybody's.
   * @returns {boolean} Whether it is news.
   */
  hear(message, user) {
    const isMine = (view) => view.owner === user;
    if (CHANGES.has(message.type)) return isMine(message.job) && this.put(message.job);
    if (message.type === "job:progress") return this.move(message);
    if (message.type !== "subscribed" || message.channel !== "jobs" || !message.snapshot) return false;
    return message.snapshot.jobs.filter(isMine).map((view) => this.put(view)).includes(true);
  }

  move({ jobId, progress, stage, version, attempt, message, cancelRequested, bytesDone, bytesTotal, speedBps, etaSeconds }) {
    const known = this.views.get(jobId);
    if (!known || isOver(known)) return false;
    const view = { ...known, status: "processing", progress, stage, version, attempt, message, cancelRequested };
    return this.put(view, { bytesDone, bytesTotal, speedBps, etaSeconds });
  }

  /** The newest, newest first. */
  newest() {
    return this.all().sort((one, other) => (one.addedAt < other.addedAt ? 1 : -1)).slice(0, SHOWN);
  }

  all() {
    return [...this.views.values()];
  }

  unfinished() {
    return this.all().filter((view) => !isOver(view));
  }
}
