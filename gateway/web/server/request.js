// One request to the gateway, and its answer or its problem.

/** Why something did not work: `code` is a reason of docs/reasons.md, `status` 0 when nothing answered. */
export class Problem extends Error {
  constructor(code, detail, status) {
    super(detail);
    this.code = code;
    this.status = status;
  }
}

/** A problem in one sentence, with the code that documents know it by. */
export const sentence = (problem) => (problem.code ? `${problem.code}: ${problem.message}` : String(problem));

/** Where the gateway has it: a proxy may show the gateway below a path of its own. */
export const addressOf = (path) => new URL(path.slice(1), document.baseURI);

/**
 * Send a request; returns the JSON of the answer, null when there is none.
 *
 * @param {{body?: unknown, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @throws {Problem} When it was refused, or nothing answered.
 */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(addressOf(path), {
      method,
      signal,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (failed) {
    if (failed.name === "AbortError") throw failed;
    throw new Problem("UNAVAILABLE", "The gateway cannot be reached.", 0);
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(answer.code ?? "INTERNAL", answer.detail ?? `The gateway answered ${response.status}.`, response.status);
  return answer;
}
