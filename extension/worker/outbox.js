// Pages that a person has sent and that the gateway has not confirmed. They lie on the disk, each with the key that makes
// a repeat harmless: whenever the worker dies, and whatever answer is lost, a page becomes one job.

import { written } from "../gateway/problem.js";
import { call } from "../gateway/session.js";

const LONGEST_MS = 24 * 60 * 60 * 1000;

/**
 * @typedef {object} Unsent
 * @property {string} key Idempotency key.
 * @property {string} url
 * @property {string | null} referer
 * @property {number} createdAtMs
 * @property {{code: string, message: string} | null} problem Why it is still here.
 * @property {boolean} isRefused It will not be tried again.
 */

let turn = Promise.resolve();

/** One after the other: what is read is what is written. */
function inTurn(work) {
  const mine = turn.then(work);
  turn = mine.catch(() => null);
  return mine;
}

/** @returns {Promise<Unsent[]>} Oldest first. */
export async function unsent() {
  return (await chrome.storage.local.get({ outbox: [] })).outbox;
}

const change = (make) => inTurn(async () => chrome.storage.local.set({ outbox: make(await unsent()) }));

/** Keep a page; the same one, pressed twice, once. */
export function enqueue({ url, referer }) {
  const entry = { key: crypto.randomUUID(), url, referer, createdAtMs: Date.now(), problem: null, isRefused: false };
  return change((all) => (all.some((one) => one.url === url && !one.isRefused) ? all : [...all.filter((one) => one.url !== url), entry]));
}

/** Give up a page. */
export const discard = (key) => change((all) => all.filter((one) => one.key !== key));

const amend = (key, more) => change((all) => all.map((one) => (one.key === key ? { ...one, ...more } : one)));

let flushing = Promise.resolve();

/**
 * Send what waits, oldest first, until the gateway is out of reach.
 *
 * @param {object} ears
 * @param {(job: any) => Promise<void>} ears.onAccepted Called before the page is forgotten.
 * @param {(entry: Unsent) => Promise<void>} ears.onRefused
 */
export function flush(ears) {
  flushing = flushing.then(() => sendAll(ears));
  return flushing;
}

async function sendAll(ears) {
  for (const entry of await unsent()) {
    if (!entry.isRefused && !(await sendOne(entry, ears))) return;
  }
}

/** @returns {Promise<boolean>} Whether the next one may be tried. */
async function sendOne(entry, { onAccepted, onRefused }) {
  if (Date.now() - entry.createdAtMs > LONGEST_MS) {
    const why = entry.problem ? ` ${entry.problem.message}` : "";
    return refuse(entry, { code: "TOO_LATE", message: `It could not be sent within 24 hours.${why}` }, onRefused);
  }
  const body = { url: entry.url, ...(entry.referer && { referer: entry.referer }) };
  try {
    await onAccepted(await call("POST", "/api/jobs", { body, headers: { "Idempotency-Key": `"${entry.key}"` } }));
    await discard(entry.key);
    return true;
  } catch (problem) {
    if (!problem.isTemporary && !problem.needsSignIn) return refuse(entry, written(problem), onRefused);
    await amend(entry.key, { problem: written(problem) });
    return false;
  }
}

async function refuse(entry, problem, onRefused) {
  await amend(entry.key, { problem, isRefused: true });
  await onRefused({ ...entry, problem });
  return true;
}
