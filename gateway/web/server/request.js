// One request to the gateway, and its answer or its problem: a gateway that hangs is one that cannot be reached.

import { sizesInWords } from "../dom/sizes.js";

const TIMEOUT_MS = 15_000;

/** Why something did not work: `code` is a reason of docs/reasons.md, `status` 0 when nothing answered in time. */
export class Problem extends Error {
  constructor(code, detail, status, retryAfterMs = 0) {
    super(detail);
    Object.assign(this, { code, status, retryAfterMs });
  }
}

/** A problem in one sentence, with the code that documents know it by where that helps. */
export function sentence(problem) {
  if (!problem.code) return String(problem);
  const said = sizesInWords(problem.message);
  return problem.code === "FIELD_INVALID" ? said : `${problem.code}: ${said}`;
}

/** Where the gateway has it: a proxy may show the gateway below a path of its own. */
export const addressOf = (path) => new URL(path.slice(1), document.baseURI);

/**
 * Send a request; returns the JSON of the answer, null when there is none.
 *
 * @param {object} [more]
 * @param {unknown} [more.body]
 * @param {Record<string, string>} [more.headers]
 * @param {AbortSignal} [more.signal] Ends it earlier.
 * @param {number} [more.timeoutMs] Until the whole answer must be there.
 * @throws {Problem} When it was refused, or nothing answered in time.
 */
export async function send(method, path, { body, headers = {}, signal, timeoutMs = TIMEOUT_MS } = {}) {
  const limit = AbortSignal.timeout(timeoutMs);
  let response, text;
  try {
    response = await fetch(addressOf(path), {
      method,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    text = await response.text();
  } catch (failed) {
    if (failed.name === "AbortError") throw failed;
    throw new Problem("UNAVAILABLE", failed.name === "TimeoutError" ? "The gateway does not answer." : "The gateway cannot be reached.", 0);
  }
  const answer = parsed(text);
  if (response.ok) return response.status === 204 ? null : answer;
  const retryAfterMs = Number(response.headers.get("Retry-After") ?? 0) * 1000;
  throw new Problem(answer.code ?? "INTERNAL", answer.detail ?? `The gateway answered ${response.status}.`, response.status, retryAfterMs);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {}; // A proxy's page, or nothing.
  }
}
