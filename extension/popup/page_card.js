// The card of the page that the person is on, with a choice where there is more than the page.

import { candidatesIn } from "../media/tab.js";
import { hostOf, timeText, withoutScheme } from "../jobs/wording.js";

const byId = (id) => document.getElementById(id);
const KINDS = { page: "Page", video: "Video", stream: "Stream", player: "Player" };

/** The tab that the popup is about: the one it was opened for, else the one in front. */
async function tabOf() {
  const named = new URLSearchParams(location.hash.slice(1)).get("tab");
  if (named) return chrome.tabs.get(Number(named));
  return (await chrome.tabs.query({ active: true, currentWindow: true }))[0];
}

/** @param {(page: {url: string, referer: string | null}) => Promise<unknown>} send */
export async function showPage(send) {
  const tab = await tabOf();
  const found = await candidatesIn(tab);
  const page = found.find(({ kind }) => kind === "page");
  if (!page) return;
  const isChoice = found.length > 1;
  byId("page-title").textContent = tab.title || withoutScheme(page.url);
  byId("page-host").textContent = hostOf(page.url);
  byId("send-page").hidden = isChoice;
  byId("send-page").onclick = (event) => once(event.currentTarget, () => send(page));
  byId("choices").hidden = !isChoice;
  byId("choice-list").replaceChildren(...(isChoice ? found.map((one) => choice(one, send)) : []));
  byId("sending").hidden = false;
  byId("sending").querySelector("button:not([hidden])").focus();
}

/** Sent is sent: a second press would be a mistake. */
async function once(button, work) {
  button.disabled = true;
  await work();
  button.disabled = false;
}

function choice(candidate, send) {
  const row = byId("choice").content.firstElementChild.cloneNode(true);
  row.querySelector(".kind").textContent = KINDS[candidate.kind];
  row.querySelector(".what").textContent = describe(candidate);
  row.querySelector(".where").textContent = withoutScheme(candidate.url);
  row.querySelector("button").onclick = (event) => once(event.currentTarget, () => send(candidate));
  return row;
}

function describe({ kind, url, isPlaying, width, height, durationS }) {
  if (kind === "page") return "The whole page";
  const parts = [isPlaying ? "Playing now" : "", width && height ? `${width} × ${height}` : "", durationS ? timeText(durationS) : ""].filter(Boolean);
  return parts.join(" · ") || hostOf(url);
}
