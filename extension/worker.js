// The worker, put together. Every listener is there before the first await: the browser wakes it for one event at a time.

import { call, isSignedIn } from "./gateway/session.js";
import { usual } from "./jobs/usual.js";
import { candidatesIn } from "./media/tab.js";
import { commands } from "./worker/commands.js";
import { Face } from "./worker/face.js";
import { Follower } from "./worker/follower.js";
import { clicked, makeMenus } from "./worker/menus.js";
import { placeOf, tellEnd, tellNothing, tellRefused, tellThere } from "./worker/notices.js";
import { enqueue, flush, unsent } from "./worker/outbox.js";

// After 30 s without an event the browser may end the worker, and the timer with it.
const LONGEST_PAUSE_MS = 20_000;

const follower = new Follower({ onChange: () => face.show(), onEnded: tellEnd, onReached: () => sendWaiting() });
const face = new Face(follower);

const send = async ({ url, referer, how }) => {
  await enqueue({ url, referer, how: how ?? (await usual()) });
  await follower.attend();
  await flushNow();
  if (!(await isSignedIn())) await chrome.runtime.openOptionsPage();
};

async function flushNow() {
  const againMs = await flush({
    onAccepted: async (job, isThere) => {
      await follower.take(job);
      if (!isThere) return;
      face.pointAt(job.id);
      await tellThere(job);
    },
    onRefused: async (entry) => {
      await follower.list.fail(entry.key);
      await tellRefused(entry);
    },
  });
  // What lies further ahead is left to the alarm.
  if (0 < againMs && againMs < LONGEST_PAUSE_MS) setTimeout(flushNow, againMs);
  await follower.attend();
}

/** The gateway can be reached: what waits for it goes now, not with the next alarm. */
async function sendWaiting() {
  if ((await unsent()).some(({ isRefused }) => !isRefused)) await flushNow();
}

/** Send what waits, and learn what became of what was sent. */
async function catchUp() {
  await Promise.all([flushNow(), follower.list.ready]);
  if (follower.list.awaited.size > 0) await follower.look();
}

/** What the tab plays, if there is nothing to choose; else the popup asks. */
async function sendFrom(tab) {
  const found = await candidatesIn(tab);
  if (found.length === 0) await tellNothing();
  else if (found.length === 1) await send(found[0]);
  else await openPopup(tab);
}

async function openPopup(tab) {
  try {
    await chrome.action.openPopup();
  } catch {
    // Before Chrome 127 only the person opens the popup; a tab does as well.
    await chrome.tabs.create({ url: `popup/popup.html#tab=${tab.id}` });
  }
}

chrome.runtime.onInstalled.addListener(({ reason }) => {
  makeMenus();
  if (reason === "install") chrome.runtime.openOptionsPage();
});
chrome.runtime.onStartup.addListener(catchUp);
chrome.alarms.onAlarm.addListener(catchUp);
self.addEventListener("online", catchUp);
chrome.contextMenus.onClicked.addListener((info) => send(clicked(info)));
chrome.commands.onCommand.addListener((command, tab) => command === "send" && sendFrom(tab));
chrome.runtime.onMessage.addListener(commands({ follower, send, flush: flushNow }));
chrome.notifications.onClicked.addListener(async (id) => {
  chrome.notifications.clear(id);
  await chrome.tabs.create({ url: await placeOf(id, (jobId) => call("GET", `/api/jobs/${jobId}`)) });
});

// An open popup. Its messages keep the worker awake, and ask where nothing comes by itself.
chrome.runtime.onConnect.addListener((port) => {
  face.ports.add(port);
  follower.isLookedAt = true;
  port.onMessage.addListener(() => follower.connection.state !== "live" && follower.look());
  port.onDisconnect.addListener(() => {
    face.ports.delete(port);
    follower.isLookedAt = face.ports.size > 0;
    follower.attend();
  });
  follower.list.seen().then(() => Promise.all([follower.attend(), follower.look(), flushNow()]));
});

// However it was woken: after a death in mid-job nothing is known, and all is asked for again.
catchUp();
