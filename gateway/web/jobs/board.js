// All jobs that the page knows. Nothing here touches the page. What is older than what is known is ignored.

import { Stages } from "./stages.js";

/** A page that stays open for days must not keep what the queue forgot long ago. */
const MOST_ENTRIES = 2_000;

export class Board {
  #entries = new Map();
  #on;

  /**
   * @param {object} on
   * @param {(entry: import("../types.js").Entry, before: import("../types.js").Job | null) => void} on.changed
   * @param {(id: string) => void} on.removed
   */
  constructor(on) {
    this.#on = on;
  }

  /** @returns {import("../types.js").Entry | undefined} */
  get(id) {
    return this.#entries.get(id);
  }

  /** @returns {import("../types.js").Entry[]} */
  all() {
    return [...this.#entries.values()];
  }

  clear() {
    [...this.#entries.keys()].forEach((id) => this.#remove(id));
  }

  /**
   * Take over how a job stands.
   *
   * @param {import("../types.js").Job} view
   * @param {string} [at] When it was said.
   */
  put(view, at = new Date().toISOString()) {
    const known = this.#entries.get(view.id);
    if (known && isOlder(view, known.view)) {
      known.seenAtMs = performance.now();
      return;
    }
    const entry = known ?? { view, stages: new Stages(), seenAtMs: 0 };
    this.#entries.set(view.id, entry);
    // A job that waits for its next attempt is told without the title that the last one found.
    this.#change(entry, known ? known.view : null, known ? { ...view, title: view.title ?? known.view.title } : view, at);
  }

  /** Take over a `job:progress`. */
  progress(message) {
    const entry = this.#entries.get(message.jobId);
    if (!entry || entry.view.version > message.version || entry.view.result) return;
    const { jobId, type, cursor, timestamp, ...news } = message; // what is left has the names that it has in a job
    this.#change(entry, entry.view, { ...entry.view, status: "processing", ...news, title: news.title ?? entry.view.title }, timestamp);
  }

  /**
   * Take over a page of jobs, newest first, and let go what should be on it and is not: the queue no longer keeps it.
   *
   * @param {import("../types.js").Job[]} views
   * @param {{more: boolean, askedAtMs: number}} about Whether there are older ones; when the page was asked for.
   */
  fill(views, { more, askedAtMs }) {
    const there = new Set(views.map((view) => view.id));
    const oldest = views.at(-1)?.addedAt ?? "";
    for (const [id, { view, seenAtMs }] of this.#entries) {
      if (!there.has(id) && seenAtMs < askedAtMs && (!more || view.addedAt > oldest)) this.#remove(id);
    }
    views.forEach((view) => this.put(view));
    this.#forgetOldest();
  }

  /**
   * Take over all jobs that wait, or all that run: another one that was known as such has ended meanwhile, unseen.
   *
   * @param {string} status
   * @param {import("../types.js").Job[]} views
   * @param {{more: boolean, askedAtMs: number}} about Whether there are others; when they were asked for.
   */
  unfinished(status, views, { more, askedAtMs }) {
    views.forEach((view) => this.put(view));
    for (const [id, { view, seenAtMs }] of this.#entries) {
      if (!more && view.status === status && seenAtMs < askedAtMs) this.#remove(id);
    }
  }

  #forgetOldest() {
    const over = this.all().filter(({ view }) => view.result);
    over.sort((one, other) => one.view.finishedAt.localeCompare(other.view.finishedAt));
    over.slice(0, Math.max(this.#entries.size - MOST_ENTRIES, 0)).forEach(({ view }) => this.#remove(view.id));
  }

  #change(entry, before, view, at) {
    entry.stages.note(before, view, at);
    entry.view = view;
    entry.seenAtMs = performance.now();
    this.#on.changed(entry, before);
  }

  #remove(id) {
    this.#entries.delete(id);
    this.#on.removed(id);
  }
}

// Within a version and an attempt the progress never falls, whichever way the news came.
function isOlder(view, known) {
  if (view.version !== known.version) return view.version < known.version;
  return view.attempt === known.attempt && view.progress < known.progress;
}
