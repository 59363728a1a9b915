// Signing in and staying signed in. Only the worker uses this, so that never two refresh at once.
//
// The access token lies in storage.session: in memory, gone with the browser. The refresh token lies in storage.local, on
// the disk of this profile: without it a code would be needed at every start of the browser.

import { pathHint } from "./address.js";
import { Problem } from "./problem.js";
import { request } from "./request.js";

// Old enough that a request which begins now is not refused on its way.
const FRESH_MS = 15_000;
// A token that comes too late to ask with is of no use.
const REFRESH_TIMEOUT_MS = 5_000;

/**
 * @typedef {object} Account
 * @property {string} server Base address.
 * @property {string} user
 * @property {string} sessionId
 * @property {string | null} refreshToken Null: the sign-in has ended.
 */

/** @returns {Promise<Account | null>} */
export async function account() {
  return (await chrome.storage.local.get("account")).account ?? null;
}

/** Whether there is a sign-in that is not known to have ended. */
export const isSignedIn = async () => Boolean((await account())?.refreshToken);

/** Trade a pairing code for a sign-in of this browser. */
export async function pair(server, code) {
  const tokens = await request(server, "POST", "/api/auth/token", { body: { pairingCode: code.trim() } }).catch((problem) => {
    const isElsewhere = problem.code === "ROUTE_NOT_FOUND" || problem.code === "NO_GATEWAY";
    throw isElsewhere ? new Problem(problem.code, `${problem.message}${pathHint(server)}`, problem.status) : problem;
  });
  if (await isSignedIn()) await signOut();
  await keep(server, tokens);
}

async function keep(server, { user, sessionId, refreshToken, accessToken, expiresIn }) {
  // First what cannot be had again.
  await chrome.storage.local.set({ account: { server, user, sessionId, refreshToken } });
  await chrome.storage.session.set({ access: { sessionId, token: accessToken, expiresAtMs: Date.now() + expiresIn * 1000 } });
}

/** The sign-in has ended: what is left says where and who. */
async function end(ended) {
  const now = await account();
  if (now?.sessionId === ended.sessionId) await chrome.storage.local.set({ account: { ...now, refreshToken: null } });
  await chrome.storage.session.remove("access");
}

let refreshing = null;

/**
 * Return an access token that is good for a while, refreshed if need be; however many ask, one refresh is made.
 *
 * @param {boolean} [isRefused] The gateway did not take the last one.
 * @throws {Problem} SIGNED_OUT, or what hinders the refresh.
 */
export async function accessToken(isRefused = false) {
  const { access } = await chrome.storage.session.get("access");
  if (!isRefused && access && access.expiresAtMs - Date.now() > FRESH_MS) return access.token;
  refreshing ??= refresh().finally(() => (refreshing = null));
  return refreshing;
}

async function refresh() {
  const held = await account();
  if (!held?.refreshToken) throw new Problem("SIGNED_OUT", "This browser is not signed in.");
  try {
    const tokens = await request(held.server, "POST", "/api/auth/refresh", { body: { refreshToken: held.refreshToken }, timeoutMs: REFRESH_TIMEOUT_MS });
    // Somebody may have paired with another gateway meanwhile.
    if ((await account())?.sessionId === held.sessionId) await keep(held.server, tokens);
    return tokens.accessToken;
  } catch (problem) {
    if (problem.status === 401) await end(held);
    throw problem;
  }
}

/** Milliseconds until the access token should be renewed; at least half a second. */
export async function renewInMs() {
  const { access } = await chrome.storage.session.get("access");
  return Math.max((access?.expiresAtMs ?? 0) - Date.now() - FRESH_MS + 1000, 500);
}

/**
 * One signed-in request.
 *
 * @param {object} [more] As of `request`.
 * @throws {Problem}
 */
export async function call(method, path, more = {}) {
  const token = await accessToken();
  try {
    return await signed(token, method, path, more);
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    return signed(await accessToken(true), method, path, more);
  }
}

async function signed(token, method, path, { headers = {}, ...more }) {
  const { server } = await account();
  return request(server, method, path, { ...more, headers: { ...headers, Authorization: `Bearer ${token}` } });
}

/** End the sign-in here, and at the gateway if it can be reached. */
export async function signOut() {
  const held = await account();
  await call("POST", "/api/auth/logout").catch(() => null);
  if (held) await end(held);
}
