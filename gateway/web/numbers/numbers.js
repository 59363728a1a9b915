// The numbers above the list: who waits and for how long, who works, how full the memory is.

import { byId, element, setAttribute, setText } from "../dom/element.js";
import { spanText } from "../dom/moments.js";

const MOST_SLOTS = 24;
const TICK_MS = 1_000;

export class Numbers {
  #oldest = null; // {ageMs, heardAtMs}
  #isStill = false;

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
    setText(byId("queued"), String(stats.queued));
    setText(byId("places"), `of ${stats.maxQueueSize} places`);
    setAttribute(byId("queue-depth"), "max", stats.maxQueueSize);
    setAttribute(byId("queue-depth"), "value", stats.queued);
    this.#oldest = stats.oldestAgeMs === null ? null : { ageMs: stats.oldestAgeMs, heardAtMs: performance.now() };
    this.#drawAge();
    setText(byId("busy"), String(stats.activeWorkers));
    setText(byId("slots"), stats.maxWorkers ? `of ${stats.maxWorkers} places` : "");
    setText(byId("workers"), workersText(stats.workers));
    setAttribute(byId("running"), "data-tone", stats.workers ? "" : "warn");
    this.#drawSlots(stats.activeWorkers, Math.min(stats.maxWorkers, MOST_SLOTS));
    setText(byId("throughput"), `${round(stats.throughputPerMinute)} a minute`);
  }

  /** @param {object} stats What `MemoryView` is. */
  memory(stats) {
    setText(byId("memory"), stats.currentFormatted);
    setText(byId("memory-max"), `of ${stats.maxFormatted}`);
    setAttribute(byId("memory-gauge"), "value", stats.max ? stats.current / stats.max : 0);
    const parts = [`${stats.peakFormatted} at most so far`];
    if (stats.maxPerVideo) parts.push(`${stats.maxPerVideoFormatted} a video`);
    setText(byId("memory-limits"), stats.max ? parts.join(" · ") : "No processor is connected");
  }

  #drawAge() {
    const age = this.#oldest && this.#oldest.ageMs + performance.now() - this.#oldest.heardAtMs;
    setText(byId("oldest"), age === null ? "Nobody waits" : `The oldest for ${spanText(Math.floor(age / 1000))}`);
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
