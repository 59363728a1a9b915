// How the last half hour went: for each minute, how many were delivered and how many failed. Made from the jobs themselves,
// so that it tells something at once, and the same after a reload.

import { byId, setAttribute, setText } from "../dom/element.js";
import { painter } from "../dom/painter.js";

const MINUTES = 30;
const WIDTH = 8;
const GAP = 2;
const HEIGHT = 32;
const TICK_MS = 15_000;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Count by minute; the last place is the present one.
 *
 * @param {import("../types.js").Job[]} views
 * @param {number} nowMs
 */
export function countedByMinute(views, nowMs) {
  const counts = Array.from({ length: MINUTES }, () => ({ completed: 0, failed: 0 }));
  for (const { finishedAt, status } of views) {
    const minutesAgo = finishedAt ? Math.floor(nowMs / 60_000) - Math.floor(Date.parse(finishedAt) / 60_000) : MINUTES;
    if (minutesAgo < MINUTES && status !== "cancelled") counts[MINUTES - 1 - Math.max(minutesAgo, 0)][status] += 1;
  }
  return counts;
}

export class Chart {
  #entries;
  #bars;
  draw = painter(() => this.#paint());

  /** @param {() => import("../types.js").Entry[]} entries */
  constructor(entries) {
    this.#entries = entries;
    this.#bars = Array.from({ length: MINUTES }, (_, place) => ["completed", "failed"].map((status) => bar(place, status)));
    const chart = byId("chart");
    chart.setAttribute("viewBox", `0 0 ${MINUTES * (WIDTH + GAP) - GAP} ${HEIGHT}`);
    chart.append(...this.#bars.flat());
    this.draw();
    setInterval(() => document.hidden || this.draw(), TICK_MS);
  }

  #paint() {
    const counts = countedByMinute(this.#entries().map(({ view }) => view), Date.now());
    const most = Math.max(...counts.map(({ completed, failed }) => completed + failed), 2);
    counts.forEach(({ completed, failed }, place) => {
      const [good, bad] = this.#bars[place];
      const [goodHeight, badHeight] = [completed, failed].map((count) => (count / most) * (HEIGHT - 1));
      // A minute in which nothing happened is a hair, so that one sees that time went by.
      stand(good, HEIGHT, Math.max(goodHeight, badHeight ? 0 : 1));
      stand(bad, HEIGHT - goodHeight, badHeight);
      setAttribute(good, "class", completed ? "completed" : "nothing");
    });
    const total = (status) => counts.reduce((sum, count) => sum + count[status], 0);
    setText(byId("delivered"), String(total("completed")));
    setText(byId("failed"), total("failed") ? `${total("failed")} failed` : "none failed");
    setAttribute(byId("chart"), "aria-label", `Last ${MINUTES} minutes: ${total("completed")} delivered, ${total("failed")} failed`);
  }
}

function bar(place, status) {
  const made = document.createElementNS(SVG, "rect");
  made.setAttribute("x", place * (WIDTH + GAP));
  made.setAttribute("width", WIDTH);
  made.setAttribute("class", status);
  return made;
}

function stand(node, foot, height) {
  setAttribute(node, "y", foot - height);
  setAttribute(node, "height", height);
}
