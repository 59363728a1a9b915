// What went wrong, with the gateway's own name for it.

// A proxy's page goes away as well, once somebody has signed in there.
const TEMPORARY = new Set(["UNREACHABLE", "NO_GATEWAY", "REQUEST_IN_FLIGHT"]);

/** An error that people can read. */
export class Problem extends Error {
  /**
   * @param {string} code A reason of docs/reasons.md, or one of ours: UNREACHABLE, SIGNED_OUT, NO_GATEWAY, URL_INVALID.
   * @param {string} message One or two sentences.
   * @param {number} [status] Of HTTP; 0: nothing answered.
   * @param {number} [retryAfterS] Seconds that the gateway asks to wait.
   */
  constructor(code, message, status = 0, retryAfterS = 0) {
    super(message);
    Object.assign(this, { code, status, retryAfterS });
  }

  /** Whether the same request may succeed later without anybody doing anything. */
  get isTemporary() {
    return this.status === 429 || this.status >= 500 || TEMPORARY.has(this.code);
  }

  /** Whether somebody has to sign in first. */
  get needsSignIn() {
    return this.status === 401 || this.code === "SIGNED_OUT";
  }
}

/** As it can be sent from the worker to a page. */
export const written = (error) => ({ code: error.code ?? "INTERNAL", message: error.message });
