// Signing in and staying signed in.
//
// The access token lives in the memory of this page, for its ten minutes. The refresh token is in localStorage: it has to
// outlive the page and to be one for all tabs, as each use of it makes the one before worthless. A script of somebody else
// could read it there, and none can run: the page's policy allows scripts and connections of the gateway alone, and no data
// ever becomes markup. A cookie would go along with every request that any site makes a browser send.

import { Problem, send } from "./request.js";

const KEY = "clipferry.refreshToken";
const REFRESH_TIMEOUT_MS = 5_000;
let access = null; // {token, expiresAtMs, user, scopes}
let onEnd = () => {};

/** Call `work` when the session has ended without this page having asked for it. */
export const whenEnded = (work) => (onEnd = work);

function keep(tokens) {
  // Another tab signed in as somebody else: what is shown here is not for those eyes.
  if (access && access.user !== tokens.user) location.reload();
  access = {
    token: tokens.accessToken,
    expiresAtMs: Date.now() + tokens.expiresIn * 1000,
    user: tokens.user,
    scopes: new Set(tokens.scope.split(" ")),
  };
  localStorage.setItem(KEY, tokens.refreshToken);
}

export const isSignedIn = () => localStorage.getItem(KEY) !== null;

/** Who is signed in; null before the first answer of the gateway. */
export const userName = () => access?.user ?? null;

/** @param {string} scope */
export const mayUse = (scope) => access?.scopes.has(scope) ?? false;

export function forget() {
  access = null;
  localStorage.removeItem(KEY);
}

/** @param {string} secret An API key or a pairing code, as it was typed. */
export async function signIn(secret) {
  const looksLikeCode = /^[0-9a-z]{5}[- ]?[0-9a-z]{5}$/i.test(secret);
  keep(await send("POST", "/api/auth/token", { body: looksLikeCode ? { pairingCode: secret } : { apiKey: secret } }));
}

// Two tabs must not trade the same refresh token: they take turns, and the second finds the new one stored.
const inTurn = (work) => (navigator.locks ? navigator.locks.request("clipferry.refresh", work) : work());

let renewing = null;

async function renew() {
  const refreshToken = localStorage.getItem(KEY);
  if (refreshToken === null) throw new Problem("UNAUTHENTICATED", "Sign in again.", 401);
  try {
    keep(await send("POST", "/api/auth/refresh", { body: { refreshToken }, timeoutMs: REFRESH_TIMEOUT_MS }));
  } catch (problem) {
    if (problem.status === 401) forget();
    throw problem;
  }
}

/** Return a token that is good for some seconds at least. */
export async function accessToken() {
  if (access && access.expiresAtMs - Date.now() > 5_000) return access.token;
  renewing ??= inTurn(renew).finally(() => (renewing = null));
  await renewing;
  return access.token;
}

/** Let the next request use a new token: the gateway does not take this one. */
export function dropAccess() {
  if (access) access.expiresAtMs = 0;
}

export const tokenLeftMs = () => (access ? access.expiresAtMs - Date.now() : 0);

async function once(method, path, more) {
  return send(method, path, { ...more, headers: { ...more.headers, Authorization: `Bearer ${await accessToken()}` } });
}

/** Send a request as who is signed in. See `send`. */
export async function call(method, path, more = {}) {
  try {
    return await once(method, path, more).catch((problem) => {
      if (problem.status !== 401 || !isSignedIn()) throw problem;
      dropAccess();
      return once(method, path, more);
    });
  } catch (problem) {
    if (problem.status === 401) onEnd();
    throw problem;
  }
}

export async function signOut() {
  try {
    await call("POST", "/api/auth/logout");
  } finally {
    forget();
  }
}
