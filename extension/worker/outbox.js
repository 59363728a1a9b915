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
 * @property {import("../jobs/usual.js").How} how
 * @property {number} createdAtMs
 * @property {boolean} isTried The gateway may have got it.
 * @property {{code: string, message: string} | null} problem Why it is still here; null: it is on its way.
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

const isSame = (one, other) => one.url === other.url && JSON.stringify(one.how) === JSON.stringify(other.how);

/** Keep a page; the same one, pressed twice, once. */
export function enqueue({ url, referer, how }) {
  const entry = { key: crypto.randomUUID(), url, referer, how, createdAtMs: Date.now(), isTried: false, problem: null, isRefused: false };
  return change((all) => (all.some((one) => isSame(one, entry) && !one.isRefused) ? all : [...all.filter((one) => !isSame(one, entry)), entry]));
}

/** Give up a page. */
export const discard = (key) => change((all) => all.filter((one) => one.key !== key));

const amend = (key, more) => change((all) => all.map((one) => (one.key === key ? { ...one, ...more } : one)));

let flushing = Promise.resolve();

/**
 * Send what waits, oldest first, until the gateway is out of reach.
 *
 * @param {object} ears
 * @param {(job: any, isThere: boolean) => Promise<void>} ears.onAccepted Called before the page is forgotten; `isThere`: the
 *   job was under way already.
 * @param {(entry: Unsent) => Promise<void>} ears.onRefused
 * @returns {Promise<number>} Milliseconds after which the gateway wants to be asked again; 0: it did not say.
 */
export function flush(ears) {
  flushing = flushing.then(() => sendAll(ears));
  return flushing;
}

async function sendAll(ears) {
  for (const entry of await unsent()) {
    if (entry.isRefused) continue;
    const problem = await sendOne(entry, ears);
    if (problem) return problem.retryAfterS * 1000;
  }
  return 0;
}

/** @returns {Promise<import("../gateway/problem.js").Problem | null>} Why the next one cannot be tried; null: it can. */
async function sendOne(entry, { onAccepted, onRefused }) {
  if (Date.now() - entry.createdAtMs > LONGEST_MS) {
    const why = entry.problem ? ` ${entry.problem.message}` : "";
    return refuse(entry, { code: "TOO_LATE", message: `It could not be sent within 24 hours.${why}` }, onRefused);
  }
  const body = { url: entry.url, ...(entry.referer && { referer: entry.referer }), ...entry.how };
  try {
    await amend(entry.key, { isTried: true });
    const job = await call("POST", "/api/jobs", { body, headers: { "Idempotency-Key": `"${entry.key}"` } });
    await onAccepted(job, job.duplicate);
    await discard(entry.key);
    return null;
  } catch (problem) {
    if (!problem.isTemporary && !problem.needsSignIn) return refuse(entry, written(problem), onRefused);
    // An earlier try is still being answered: nothing is wrong.
    const isOnItsWay = problem.code === "REQUEST_IN_FLIGHT";
    await amend(entry.key, { problem: isOnItsWay ? null : written(problem) });
    return problem;
  }
}

async function refuse(entry, problem, onRefused) {
  await amend(entry.key, { problem, isRefused: true });
  await onRefused({ ...entry, problem });
  return null;
}
