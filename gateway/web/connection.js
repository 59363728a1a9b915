// The badge that says whether what is shown is the present, and a sentence when it is not.

import { byId, setText } from "./dom/element.js";

const NAMES = { connecting: "Connecting", reconnecting: "Reconnecting", live: "Live", stale: "No queue", polling: "Polling", offline: "Offline", paused: "Paused", "signed-out": "" };
const WHY = {
  polling: "Live updates do not get through: the page asks every 5 s instead.",
  paused: "Paused: what you see is how it was.",
};

/** Whether what is shown is how it was, and not how it is. */
export const isOld = (state) => state === "reconnecting" || state === "offline" || state === "paused";

/**
 * Show how the page hears from the gateway.
 *
 * @param {keyof typeof NAMES} state
 * @param {string} why What is wrong; empty: what is always so in this state.
 */
export function showConnection(state, why) {
  const badge = byId("connection");
  // The line is good, but who would have something to say is not there.
  const shown = state === "live" && why ? "stale" : state;
  badge.hidden = state === "signed-out";
  badge.dataset.state = shown;
  setText(badge, NAMES[shown]);
  const text = why && state === "offline" ? `${why} It is tried again by itself.` : why || (WHY[state] ?? "");
  setText(byId("banner"), text);
  byId("banner").dataset.state = state;
  document.body.dataset.stale = String(isOld(state) || why !== "");
}
