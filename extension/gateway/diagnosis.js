// Why it does not work: each step of reaching a gateway, and the name of what stands in the way.

import { addressOf, pathHint, socketAddress } from "./address.js";
import { networkError } from "./network_error.js";
import { Problem, written } from "./problem.js";
import { accessToken, call } from "./session.js";

const TIMEOUT_MS = 10_000;
const API = "0";

/**
 * @typedef {object} Check
 * @property {"gateway" | "version" | "sign-in" | "live"} step
 * @property {boolean} isGood
 * @property {string} code OK, UNREACHABLE, TLS, CORS, REDIRECTED, NO_GATEWAY, QUEUE_AWAY, VERSION, SIGNED_OUT, SOCKET_OFF,
 *   SOCKET_BLOCKED, or a reason of the gateway.
 * @property {string} message
 */

const good = (step, message) => ({ step, isGood: true, code: "OK", message });
const bad = (step, code, message) => ({ step, isGood: false, code, message });

/**
 * Try everything that the extension needs, up to the first step that fails.
 *
 * @param {string} server Base address.
 * @param {boolean} isOurs Whether this browser is signed in there.
 * @returns {Promise<Check[]>}
 */
export async function diagnose(server, isOurs) {
  const checks = [];
  for (const step of isOurs ? [reach, compare, enter, listen] : [reach, compare]) {
    checks.push(await step(server).catch((problem) => bad("gateway", written(problem).code, problem.message)));
    if (!checks.at(-1).isGood) break;
  }
  return checks;
}

async function reach(server) {
  const address = addressOf(server, "/health");
  const { response, netError } = await attempt(address);
  if (!response) return whyNot(address, netError);
  const arrived = new URL(response.url);
  if (arrived.origin !== address.origin) {
    const turned = arrived.host === address.host ? "The browser or a proxy turns http into https (HTTPS-only mode?): use that address" : "A proxy asks for its own sign-in: let it pass /api, /ws and /health through";
    return bad("gateway", "REDIRECTED", `${address.origin} leads to ${arrived.origin}. ${turned}.`);
  }
  const health = await response.json().catch(() => null);
  if (!health?.services) return bad("gateway", "NO_GATEWAY", `${address.host} answers ${response.status}, but is no clipferry gateway.${pathHint(server)}`);
  if (health.status === "unavailable") return bad("gateway", "QUEUE_AWAY", "The gateway answers, but cannot reach its queue.");
  const waits = health.status === "degraded" ? " No processor is connected: jobs wait." : "";
  return good("gateway", `${address.host} answers.${waits}`);
}

async function attempt(address) {
  const listening = networkError(address);
  try {
    return { response: await fetch(address, { cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS) }) };
  } catch (error) {
    return { netError: error.name === "TimeoutError" ? "ERR_TIMED_OUT" : await listening.heard() };
  } finally {
    listening.stop();
  }
}

const REASONS = {
  ERR_CONNECTION_REFUSED: "nothing listens there",
  ERR_CONNECTION_RESET: "the connection was cut",
  ERR_EMPTY_RESPONSE: "it closed the connection; is it https?",
  ERR_NAME_NOT_RESOLVED: "the name is not known",
  ERR_ADDRESS_UNREACHABLE: "there is no way to that address",
  ERR_INTERNET_DISCONNECTED: "this computer is offline",
  ERR_TIMED_OUT: `it did not answer within ${TIMEOUT_MS / 1000} s`,
  ERR_CONNECTION_TIMED_OUT: "it did not answer",
  ERR_BLOCKED_BY_CLIENT: "another extension blocks it",
};

async function whyNot(address, netError) {
  // What did not answer in time will not answer a second question either.
  if (netError !== "ERR_TIMED_OUT" && (await answersAtAll(address))) {
    const us = location.origin;
    return bad("gateway", "CORS", `${address.host} answers, but does not let this extension read it. Allow access when the browser asks, or allow ${us} there (EXTENSION_IDS).`);
  }
  if (/^ERR_(CERT|SSL|TLS|BAD_SSL)/.test(netError)) {
    return bad("gateway", "TLS", `The encryption of ${address.host} is not accepted (${netError}): open ${address.origin} in a tab to see why.`);
  }
  const unsaid = address.protocol === "https:" ? "the address, its certificate or a firewall" : "the address or a firewall";
  const why = netError ? `${REASONS[netError] ?? "the browser gave up"} (${netError})` : `the browser does not say why: ${unsaid}`;
  return bad("gateway", "UNREACHABLE", `${address.host} cannot be reached: ${why}.`);
}

/** Whether something answers that may not be read. */
const answersAtAll = (address) =>
  fetch(address, { mode: "no-cors", cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS) }).then(() => true, () => false);

async function compare(server) {
  const response = await fetch(addressOf(server, "/openapi.json"), { credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS) });
  const version = (await response.json().catch(() => null))?.info?.version ?? "unknown";
  if (version.split(".")[0] === API) return good("version", `Version ${version}.`);
  const ours = chrome.runtime.getManifest().version;
  return bad("version", "VERSION", `The gateway has version ${version}, this extension ${ours}: update the older one.`);
}

async function enter() {
  try {
    const { sessions } = await call("GET", "/api/auth/sessions");
    return good("sign-in", `Signed in as ${sessions.find(({ current }) => current).user}.`);
  } catch (problem) {
    const again = problem.needsSignIn ? " Pair again with a new code." : "";
    return bad("sign-in", problem.code, `${problem.message}${again}`);
  }
}

async function listen(server) {
  const health = await (await fetch(addressOf(server, "/health"), { credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS) })).json();
  if (!health.realTimeUpdates) return bad("live", "SOCKET_OFF", "Live updates are switched off at the gateway; jobs are asked for instead.");
  const code = await greeting(socketAddress(server), await accessToken());
  if (code === 0) return good("live", "Live updates arrive.");
  if (code === 4406) return bad("live", "VERSION", "The gateway speaks another version of the live protocol: update the older one.");
  if (code === 4401 || code === 4403) throw new Problem("SIGNED_OUT", "The gateway does not accept the sign-in. Pair again with a new code.");
  const why = code === 1006 ? "A proxy that does not pass WebSockets on, or EXTENSION_IDS without this extension" : `It was closed with ${code}`;
  return bad("live", "SOCKET_BLOCKED", `Live updates do not arrive. ${why}. Jobs are asked for every 10 to 30 seconds instead.`);
}

/** Say hello. @returns {Promise<number>} 0 when welcome, else the code with which the socket was closed. */
async function greeting(address, token) {
  const socket = new WebSocket(address, "clipferry.v1");
  try {
    return await new Promise((resolve) => {
      setTimeout(resolve, TIMEOUT_MS, 1006);
      socket.onopen = () => socket.send(JSON.stringify({ type: "hello", token, protocol: 1 }));
      socket.onmessage = ({ data }) => JSON.parse(data).type === "welcome" && resolve(0);
      socket.onclose = ({ code }) => resolve(code);
    });
  } finally {
    socket.close();
  }
}
