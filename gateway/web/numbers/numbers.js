// The numbers above the list: who waits and for how long, who works, how full the memory is. An admin is told those of the
// whole system, a user those of the own jobs.

import { byId, element, setAttribute, setText } from "../dom/element.js";
import { spanText } from "../dom/moments.js";
import { sizeText } from "../dom/sizes.js";
import { mayUse } from "../server/session.js";

const MOST_SLOTS = 24;
const TICK_MS = 1_000;

export class Numbers {
  #oldest = null; // {ageMs, heardAtMs}
  #isStill = false;
  #areOwn = false;

  constructor() {
    setInterval(() => document.hidden || this.#isStill || this.#drawAge(), TICK_MS);
  }

  /** While nothing is heard, what was heard last does not grow older by itself. */
  set isStill(isStill) {
    this.#isStill = isStill;
  }

  /** @param {object} stats What `StatsView` is. */
  queue(stats) {
    byId("numbers").hidden = false;
    this.#areOwn = stats.peakMemoryUsage === null; // known of all together only
    setText(byId("queued"), String(stats.queued));
    setText(byId("places"), this.#areOwn ? "of yours" : `of ${stats.maxQueueSize} places`);
    setAttribute(byId("queue-depth"), "max", stats.maxQueueSize);
    setAttribute(byId("queue-depth"), "value", stats.queued);
    this.#oldest = stats.oldestAgeMs === null ? null : { ageMs: stats.oldestAgeMs, heardAtMs: performance.now() };
    this.#drawAge();
    setText(byId("busy"), String(stats.activeWorkers));
    const places = stats.maxWorkers ? `of ${stats.maxWorkers} places` : "";
    setText(byId("slots"), this.#areOwn ? "of yours" : places);
    setText(byId("workers"), workersText(stats.workers));
    // There each is shown by itself.
    setAttribute(byId("workers"), "href", mayUse("admin") ? "#admin" : null);
    setAttribute(byId("running"), "data-tone", stats.workers ? "" : "warn");
    // Whether the other places are free is not told to a user.
    this.#drawSlots(stats.activeWorkers, Math.min(this.#areOwn ? stats.activeWorkers : stats.maxWorkers, MOST_SLOTS));
    // Beside it stands what the list knows of, which for an admin's key without all rights are the own jobs.
    const perMinute = `${round(stats.throughputPerMinute)} a minute`;
    setText(byId("throughput"), this.#areOwn || mayUse("admin") ? perMinute : `everybody's: ${perMinute}`);
  }

  /** @param {object} stats What `MemoryView` is. */
  memory(stats) {
    setText(byId("memory"), sizeText(stats.current));
    const isOwn = stats.peak === null;
    setText(byId("memory-max"), `${isOwn ? "for yours, " : ""}of ${sizeText(stats.max)}`);
    setAttribute(byId("memory-gauge"), "value", stats.max ? stats.current / stats.max : 0);
    const parts = isOwn ? [] : [`${sizeText(stats.peak)} at most so far`];
    if (stats.maxPerVideo) parts.push(`${sizeText(stats.maxPerVideo)} a video`);
    setText(byId("memory-limits"), stats.max ? parts.join(" · ") : "No processor is connected");
  }

  #drawAge() {
    const age = this.#oldest && this.#oldest.ageMs + performance.now() - this.#oldest.heardAtMs;
    const nobody = this.#areOwn ? "None of yours waits" : "Nobody waits";
    setText(byId("oldest"), age === null ? nobody : `The oldest for ${spanText(Math.floor(age / 1000))}`);
  }

  #drawSlots(busy, all) {
    const squares = byId("slot-squares");
    while (squares.children.length > all) squares.lastChild.remove();
    while (squares.children.length < all) squares.append(element("i"));
    [...squares.children].forEach((square, place) => setAttribute(square, "class", place < busy ? "busy" : ""));
  }
}

const round = (number) => String(Math.round(number * 10) / 10);

function workersText(count) {
  if (count === 0) return "No processor is connected: jobs wait";
  return count === 1 ? "1 processor" : `${count} processors`;
}
