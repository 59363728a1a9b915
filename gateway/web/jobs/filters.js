// Which jobs are shown: by where they stand, by why they failed, by what somebody types.

import { byId, element, setAttribute, setText } from "../dom/element.js";
import { titleOf } from "./words.js";

const STATUSES = { all: "All", queued: "Waiting", processing: "Running", completed: "Delivered", failed: "Failed", cancelled: "Cancelled" };

export class Filters {
  #status = "all";
  #reason = "";
  #text = "";
  #onChange = () => {};
  #tabs = new Map(); // status -> {button, count}
  #reasons = "";

  constructor() {
    for (const [status, name] of Object.entries(STATUSES)) {
      const count = element("span", { class: "count" });
      const button = element("button", { type: "button", class: "tab", "data-status": status, click: () => this.#choose(status, "") }, name, count);
      this.#tabs.set(status, { button, count });
    }
    byId("tabs").append(...[...this.#tabs.values()].map(({ button }) => button));
    byId("search").addEventListener("input", (event) => {
      this.#text = event.target.value.trim().toLowerCase();
      this.#onChange();
    });
    byId("show-all").addEventListener("click", () => this.reset());
  }

  /** Show all there are. */
  reset() {
    byId("search").value = this.#text = "";
    this.#choose("all", "");
  }

  whenChanged(work) {
    this.#onChange = work;
  }

  /** @param {import("../types.js").Job} view */
  shows(view) {
    if (this.#status !== "all" && view.status !== this.#status) return false;
    if (this.#reason && view.error?.code !== this.#reason) return false;
    return !this.#text || `${titleOf(view)} ${view.videoData.pageUrl} ${view.owner} ${view.id} ${view.error?.code ?? ""}`.toLowerCase().includes(this.#text);
  }

  /** Say how many there are of each. @param {import("../types.js").Job[]} views */
  draw(views) {
    const counts = { all: views.length };
    for (const { status } of views) counts[status] = (counts[status] ?? 0) + 1;
    for (const [status, { button, count }] of this.#tabs) {
      setAttribute(button, "aria-pressed", status === this.#status);
      setText(count, String(counts[status] ?? 0));
    }
    this.#drawReasons(views);
  }

  #drawReasons(views) {
    const counts = new Map();
    for (const { status, error } of views) if (status === "failed" && error) counts.set(error.code, (counts.get(error.code) ?? 0) + 1);
    const isShown = this.#status === "failed" && (counts.size > 1 || this.#reason !== "");
    byId("reasons").hidden = !isShown;
    const sorted = [...counts].sort(([, one], [, other]) => other - one);
    const key = JSON.stringify([this.#reason, sorted]);
    if (!isShown || key === this.#reasons) return;
    this.#reasons = key;
    byId("reasons").replaceChildren(
      ...sorted.map(([code, count]) =>
        element(
          "button",
          { type: "button", class: "chip", "aria-pressed": String(code === this.#reason), click: () => this.#choose("failed", code === this.#reason ? "" : code) },
          code,
          element("span", { class: "count" }, String(count)),
        ),
      ),
    );
  }

  #choose(status, reason) {
    this.#status = status;
    this.#reason = reason;
    this.#onChange();
    // On a phone the tabs are wider than the screen.
    this.#tabs.get(status).button.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}
