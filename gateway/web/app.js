// The live page: sign in, paste an address, watch.

import { Live } from "./live.js";
import { clearJobs, showJob, showProgress, useActions } from "./jobs.js";
import { call, forget, isSignedIn, signIn, signOut } from "./session.js";

const byId = (id) => document.getElementById(id);
const STATES = { live: "live", away: "reconnecting", polling: "looking every 10 s", "signed-out": "signed out" };
const POLL_MS = 10_000;
const CHANGES = new Set(["job:queued", "job:started", "job:retrying", "job:finished"]);

const live = new Live(["jobs", "queue"], hear, showState);

function hear(message) {
  if (CHANGES.has(message.type)) showJob(message.job);
  else if (message.type === "job:progress") showProgress(message);
  else if (message.type === "queue:stats") showNumbers(message);
  else if (message.type === "subscribed" && message.channel === "jobs") message.snapshot?.jobs.forEach(showJob);
  else if (message.type === "subscribed" && message.channel === "queue" && message.snapshot) showNumbers(message.snapshot);
}

function showNumbers({ queued, processing, memoryUsage, stats }) {
  byId("queued").textContent = queued;
  byId("processing").textContent = `${processing} of ${stats.maxWorkers}`;
  byId("memory").textContent = `${memoryUsage} of ${stats.maxMemoryFormatted}`;
}

function showState(state) {
  byId("connection").textContent = STATES[state];
  byId("connection").dataset.state = state;
  if (state === "signed-out") return leave();
  if (state === "live") return stopPolling();
  pollTimer ??= setInterval(poll, POLL_MS);
}

// Without a connection the page asks again and again: live updates may be switched off, or a proxy may not let them through.
let pollTimer = null;

function stopPolling() {
  clearInterval(pollTimer);
  pollTimer = null;
}

async function poll() {
  try {
    const [{ jobs }, stats] = await Promise.all([call("GET", "/api/jobs"), call("GET", "/api/queue/stats")]);
    jobs.forEach(showJob);
    showNumbers({ ...stats, memoryUsage: stats.memoryUsageFormatted, stats });
  } catch {
    return; // The next look may do better.
  }
}

function enter() {
  byId("sign-in").hidden = true;
  byId("work").hidden = byId("sign-out").hidden = false;
  live.open();
  poll();
  byId("url").focus();
}

function leave() {
  live.close();
  stopPolling();
  forget();
  clearJobs();
  byId("work").hidden = byId("sign-out").hidden = true;
  byId("sign-in").hidden = false;
  byId("secret").focus();
}

const sentence = (problem) => (problem.code ? `${problem.code}: ${problem.message}` : String(problem));

async function guarded(errorId, work) {
  byId(errorId).textContent = "";
  try {
    await work();
  } catch (problem) {
    // Pressed twice: the first press is being answered.
    if (problem.code !== "REQUEST_IN_FLIGHT") byId(errorId).textContent = sentence(problem);
  }
}

byId("sign-in").onsubmit = (event) => {
  event.preventDefault();
  guarded("sign-in-error", async () => {
    await signIn(byId("secret").value.trim());
    byId("secret").value = "";
    enter();
  });
};

// People type addresses without their beginning; `localhost:8082` has none either.
const wholeAddress = (typed) => (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(typed) ? typed : `https://${typed}`);

// A key for each address: pressing the button twice makes one job.
let pending = { url: null, key: null };

byId("submit").onsubmit = (event) => {
  event.preventDefault();
  const url = wholeAddress(byId("url").value.trim());
  if (pending.url !== url) pending = { url, key: Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("") };
  guarded("submit-error", async () => {
    showJob(await call("POST", "/api/jobs", { url }, { "Idempotency-Key": pending.key }));
    pending = { url: null, key: null };
    byId("url").value = "";
  });
};

useActions({
  cancel: (id) => guarded("submit-error", async () => showJob(await call("DELETE", `/api/jobs/${id}`))),
  retry: (id, allowDuplicateDelivery) =>
    guarded("submit-error", async () => showJob(await call("POST", `/api/jobs/${id}/retry`, { allowDuplicateDelivery }))),
});

byId("sign-out").onclick = () => signOut().catch(() => {}).finally(leave);

async function start() {
  const pair = new URLSearchParams(location.hash.slice(1)).get("pair");
  if (pair) {
    // The code is of no use a second time; it does not stay in the address either.
    history.replaceState(null, "", location.pathname);
    await guarded("sign-in-error", () => signIn(pair));
  }
  if (isSignedIn()) enter();
  else leave();
}

start();
