// The list: what is under way above, what is over below, the newest of each first. Rows are kept by job, and moved, not made anew.

import { byId, setShown } from "../dom/element.js";
import { painter } from "../dom/painter.js";
import { JobRow } from "./job_row.js";

const AGO_MS = 20_000;
const POINTED_AT_MS = 4_000;

const isOver = (view) => view.result !== null;

/** What the rows of a part are ordered by; the largest is on top. */
const orderOf = (view) => (isOver(view) ? view.finishedAt : `${view.status === "processing" ? 1 : 0} ${view.addedAt}`) + view.id;

export class JobTable {
  #rows = new Map(); // id -> {row, order, isOver}
  #changed = new Map(); // id -> entry, for the next drawing
  #parts = { true: byId("over"), false: byId("under-way") };
  #draw = painter(() => this.#paint());
  #pointedAt = "";
  #given;

  /**
   * @param {object} given
   * @param {(name: string, view: import("../types.js").Job) => void} given.act
   * @param {() => string | null} given.user
   * @param {import("./filters.js").Filters} given.filters
   * @param {() => import("../types.js").Entry[]} given.entries
   */
  constructor(given) {
    this.#given = given;
    given.filters.whenChanged(() => this.#sift());
    this.#draw();
    setInterval(() => document.hidden || this.#rows.forEach(({ row }) => row.drawTime()), AGO_MS);
  }

  /** @param {import("../types.js").Entry} entry */
  changed(entry) {
    this.#changed.set(entry.view.id, entry);
    this.#draw();
  }

  /** See that a job is not hidden by a filter; where it was there before, show where. */
  reveal(view, isPointedAt) {
    if (!this.#given.filters.shows(view)) this.#given.filters.reset();
    if (!isPointedAt) return;
    this.#pointedAt = view.id;
    this.#draw();
  }

  removed(id) {
    this.#changed.delete(id);
    this.#rows.get(id)?.row.node.remove();
    this.#rows.delete(id);
    this.#draw();
  }

  #paint() {
    for (const entry of this.#changed.values()) {
      const kept = this.#rows.get(entry.view.id) ?? this.#add(entry);
      kept.row.draw(entry);
      this.#place(kept, entry.view);
      setShown(kept.row.node, this.#given.filters.shows(entry.view));
    }
    this.#changed.clear();
    this.#showParts();
    this.#point();
  }

  #point() {
    const node = this.#rows.get(this.#pointedAt)?.row.node;
    this.#pointedAt = "";
    if (!node) return;
    node.scrollIntoView({ block: "nearest" });
    node.classList.add("pointed-at");
    setTimeout(() => node.classList.remove("pointed-at"), POINTED_AT_MS);
  }

  #add(entry) {
    const made = { row: new JobRow(this.#given.act, this.#given.user()), order: "", isOver: false };
    this.#rows.set(entry.view.id, made);
    return made;
  }

  #place(kept, view) {
    const order = orderOf(view);
    if (kept.order === order) return;
    Object.assign(kept, { order, isOver: isOver(view) });
    const { node } = kept.row;
    node.order = order;
    const part = this.#parts[kept.isOver];
    let next = part.firstElementChild.nextElementSibling; // The first row is the heading.
    while (next && (next === node || next.order > order)) next = next.nextElementSibling;
    const focused = node.contains(document.activeElement) ? document.activeElement : null;
    part.insertBefore(node, next);
    focused?.focus({ preventScroll: true });
  }

  #sift() {
    for (const { row } of this.#rows.values()) setShown(row.node, this.#given.filters.shows(row.entry.view));
    this.#showParts();
  }

  #showParts() {
    this.#given.filters.draw(this.#given.entries().map(({ view }) => view));
    for (const part of Object.values(this.#parts)) setShown(part, part.querySelector("tr.job:not([hidden])") !== null);
    const isEmpty = Object.values(this.#parts).every((part) => part.hidden);
    setShown(byId("jobs"), !isEmpty);
    setShown(byId("empty"), isEmpty && this.#rows.size === 0);
    setShown(byId("no-match"), isEmpty && this.#rows.size > 0);
  }
}
