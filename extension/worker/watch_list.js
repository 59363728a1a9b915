// What outlives the worker: the jobs whose end is awaited, and the failures that nobody has looked at.

export class WatchList {
  constructor() {
    this.awaited = new Set();
    this.failed = new Set();
    this.ready = chrome.storage.local.get({ awaited: [], failed: [] }).then(({ awaited, failed }) => {
      awaited.forEach((id) => this.awaited.add(id));
      failed.forEach((id) => this.failed.add(id));
    });
  }

  /** Await what is not over, and return what of the awaited is over now. */
  async sort(views) {
    await this.ready;
    const ended = views.filter((view) => view.result && this.awaited.has(view.id));
    const begun = views.filter((view) => !view.result && !this.awaited.has(view.id));
    if (ended.length + begun.length === 0) return [];
    begun.forEach(({ id }) => this.awaited.add(id));
    ended.forEach(({ id }) => this.awaited.delete(id));
    ended.filter(({ status }) => status === "failed").forEach(({ id }) => this.failed.add(id));
    await this.save();
    return ended;
  }

  async add(id) {
    await this.ready;
    this.awaited.add(id);
    await this.save();
  }

  /** A job that is not there any more. */
  async forget(id) {
    this.awaited.delete(id);
    await this.save();
  }

  async fail(id) {
    await this.ready;
    this.failed.add(id);
    await this.save();
  }

  /** Somebody looks: failures have been seen. */
  async seen() {
    await this.ready;
    this.failed.clear();
    await this.save();
  }

  /** Another user, or nobody. */
  async clear() {
    await this.ready;
    this.awaited.clear();
    this.failed.clear();
    await this.save();
  }

  save() {
    return chrome.storage.local.set({ awaited: [...this.awaited], failed: [...this.failed] });
  }
}
