// The processors, one by one: what each does and holds.

import { byId, element } from "../dom/element.js";
import { sizeText } from "../dom/sizes.js";
import { call } from "../server/session.js";

const STATES = { free: "Free", busy: "Works", full: "Works, full" };

/** Show the processors that there are. */
export async function drawProcessors() {
  const { workers } = await call("GET", "/api/admin/workers");
  byId("processors").replaceChildren(...workers.map(row));
  byId("no-processors").hidden = workers.length > 0;
  byId("processors-table").hidden = workers.length === 0;
}

function row({ name, state, slots, slotsBusy, slotsFree, ytdlpVersion, memoryUsage, memoryMax, memoryPeak }) {
  const held = `${sizeText(memoryUsage)} of ${sizeText(memoryMax)}, ${sizeText(memoryPeak)} at most so far`;
  return element(
    "tr",
    element("th", { scope: "row" }, name),
    element("td", { "data-label": "State" }, STATES[state]),
    element("td", { "data-label": "Places" }, `${slotsBusy} of ${slots} taken, ${slotsFree} free`),
    element("td", { "data-label": "Memory" }, held),
    element("td", { "data-label": "yt-dlp" }, ytdlpVersion ?? "not told"),
  );
}
