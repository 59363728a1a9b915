// The jobs that are known, each as it was last said to be. What is older than what is known is ignored.

const CHANGES = new Set(["job:queued", "job:started", "job:retrying", "job:finished"]);
const SHOWN = 50;

/** Whether the job is over. */
export const isOver = (view) => view.result !== null;

/** Whether `view` is older than what is known: of one job the version never falls, of one run the percent never does. */
export function isOlder(view, known) {
  if (view.version !== known.version) return view.version < known.version;
  return view.attempt === known.attempt && view.progress < known.progress;
}

const placeOf = (view) => (isOver(view) ? 2 : view.status === "processing" ? 0 : 1);

export class Board {
  constructor() {
    this.views = new Map(); // id -> job as in REST
  }

  /** Forget all. */
  clear() {
    this.views.clear();
  }

  /** @returns {boolean} Whether it is news. */
  put(view) {
    const known = this.views.get(view.id);
    if (known && isOlder(view, known)) return false;
    // A job that waits for its next attempt is told without the title that the last one found.
    this.views.set(view.id, { ...view, title: view.title ?? known?.title ?? null });
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

  // What a message of progress says has the names that it has in a job.
  move({ jobId, type, cursor, timestamp, ...news }) {
    const known = this.views.get(jobId);
    return known !== undefined && !isOver(known) && this.put({ ...known, status: "processing", ...news, title: news.title ?? known.title });
  }

  /** What runs, what waits, what is over; of each the newest first. */
  shown() {
    return this.all().sort((one, other) => placeOf(one) - placeOf(other) || other.addedAt.localeCompare(one.addedAt)).slice(0, SHOWN);
  }

  all() {
    return [...this.views.values()];
  }

  unfinished() {
    return this.all().filter((view) => !isOver(view));
  }
}
