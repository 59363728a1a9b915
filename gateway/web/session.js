// Signing in and staying signed in. The access token lives in this page only; the refresh token outlives it.

const KEY = "clipferry.refreshToken";
let access = null; // {token, expiresAtMs}

export class Problem extends Error {
  constructor(code, detail, status) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

async function answerOf(response) {
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(body.code ?? "INTERNAL", body.detail ?? `The gateway answered ${response.status}.`, response.status);
  return body;
}

// Where the gateway has it: a proxy may show the gateway below a path of its own.
export const addressOf = (path) => new URL(path.slice(1), document.baseURI);

async function send(method, path, body, headers = {}) {
  let response;
  try {
    response = await fetch(addressOf(path), {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem("UNAVAILABLE", "The gateway cannot be reached.", 0);
  }
  return answerOf(response);
}

function keep(tokens) {
  access = { token: tokens.accessToken, expiresAtMs: Date.now() + tokens.expiresIn * 1000 };
  localStorage.setItem(KEY, tokens.refreshToken);
}

export const isSignedIn = () => localStorage.getItem(KEY) !== null;

export function forget() {
  access = null;
  localStorage.removeItem(KEY);
}

export async function signIn(secret) {
  const looksLikeCode = /^[0-9a-z]{5}[- ]?[0-9a-z]{5}$/i.test(secret);
  keep(await send("POST", "/api/auth/token", looksLikeCode ? { pairingCode: secret } : { apiKey: secret }));
}

// Two tabs must not trade the same refresh token: they take turns, and the second finds the new one stored.
const inTurn = (work) => (navigator.locks ? navigator.locks.request("clipferry.refresh", work) : work());

export async function accessToken() {
  if (access && access.expiresAtMs - Date.now() > 5_000) return access.token;
  await inTurn(async () => {
    const refreshToken = localStorage.getItem(KEY);
    if (refreshToken === null) throw new Problem("UNAUTHENTICATED", "Sign in again.", 401);
    try {
      keep(await send("POST", "/api/auth/refresh", { refreshToken }));
    } catch (problem) {
      if (problem.status === 401) forget();
      throw problem;
    }
  });
  return access.token;
}

export const tokenLeftMs = () => (access ? access.expiresAtMs - Date.now() : 0);

export async function call(method, path, body, headers = {}) {
  return send(method, path, body, { ...headers, Authorization: `Bearer ${await accessToken()}` });
}

export async function signOut() {
  try {
    await call("POST", "/api/auth/logout");
  } finally {
    forget();
  }
}
