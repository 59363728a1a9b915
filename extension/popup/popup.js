// The popup: what to send, and what became of what was sent. All it shows is what the worker has just said.

import { how, useHowFields } from "../jobs/how_fields.js";
import { sentence } from "../jobs/wording.js";
import { ask, listen } from "../worker_line.js";
import { JobList } from "./job_list.js";
import { showPage } from "./page_card.js";

const byId = (id) => document.getElementById(id);
const STATES = { connecting: "Connecting…", live: "Live", polling: "Every 10 s", offline: "Offline", "signed-out": "Not signed in", lost: "Reconnecting…" };

async function guarded(work) {
  byId("problem").textContent = "";
  try {
    return await work();
  } catch (problem) {
    byId("problem").textContent = sentence(problem);
    byId("sending").hidden = false;
  }
}

const list = new JobList(byId("jobs"), byId("announcement"), (command, more) => guarded(() => ask(command, more)));

function showConnection(state, why) {
  byId("connection").textContent = STATES[state];
  byId("connection").dataset.state = state;
  byId("why").textContent = why;
  byId("why").hidden = !why || state === "signed-out";
}

function show({ connection, server, jobs, unsent, pointedAt }) {
  const { state, why } = connection;
  showConnection(state, why);
  byId("set-up").hidden = state !== "signed-out";
  byId("set-up-why").textContent = server === null ? "Connect this browser to your gateway first." : `Your sign-in at ${new URL(server).host} has ended.`;
  const isFresh = state === "live" || state === "polling";
  byId("jobs").parentElement.toggleAttribute("data-stale", !isFresh && jobs.length > 0);
  list.show(jobs, unsent, pointedAt);
  byId("empty").hidden = jobs.length + unsent.length > 0 || !isFresh;
}

function lose() {
  showConnection("lost", "");
  byId("jobs").parentElement.toggleAttribute("data-stale", true);
}

byId("settings").onclick = byId("open-settings").onclick = () => chrome.runtime.openOptionsPage();
listen(show, lose);
useHowFields(() => {
  const { destination, kind } = how();
  const parts = [destination && `to ${destination}`, kind === "audio" && "sound only"].filter(Boolean);
  byId("how-now").textContent = parts.length > 0 ? `: ${parts.join(", ")}` : "";
});
showPage(({ url, referer }) => guarded(async () => {
  const caption = byId("caption").value.trim();
  await ask("send", { page: { url, referer, how: { ...how(), ...(caption && { caption }) } } });
  byId("caption").value = "";
}));
