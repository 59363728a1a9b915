// One request to the gateway, and its answer or a Problem.

import { addressOf } from "./address.js";
import { Problem } from "./problem.js";

// The browser ends a worker whose request is not answered within 30 s.
const TIMEOUT_MS = 15_000;

/**
 * @param {string} server Base address, with a slash at the end.
 * @param {string} method
 * @param {string} path With a slash at the beginning.
 * @param {object} [more]
 * @param {object} [more.body]
 * @param {Record<string, string>} [more.headers]
 * @param {number} [more.timeoutMs] Until the answer must be there.
 * @returns {Promise<any>} What the JSON says; null for 204.
 * @throws {Problem}
 */
export async function request(server, method, path, { body, headers = {}, timeoutMs = TIMEOUT_MS } = {}) {
  const address = addressOf(server, path);
  let response, text;
  try {
    response = await fetch(address, {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.timeout(timeoutMs),
    });
    text = await response.text();
  } catch (error) {
    const why = error.name === "TimeoutError" ? `did not answer within ${timeoutMs / 1000} s` : "cannot be reached";
    throw new Problem("UNREACHABLE", `The gateway at ${address.host} ${why}.`);
  }
  return answerOf(response, text, address);
}

function answerOf(response, text, address) {
  if (response.status === 204) return null;
  const said = parsed(text);
  if (response.ok && said) return said;
  if (said?.code) throw new Problem(said.code, said.detail, response.status, Number(response.headers.get("Retry-After") ?? 0));
  const message = `${address.host} answered ${response.status} with something that is not from a gateway; a proxy's page, perhaps.`;
  throw new Problem("NO_GATEWAY", message, response.status);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
