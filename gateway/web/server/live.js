// One WebSocket: hello, subscriptions, pings; comes back by itself, with growing, random pauses. A socket that is silent is
// dead, whatever it says of itself: a computer that slept, a frozen gateway, or a line that broke without a word.

import { addressOf } from "./request.js";
import { accessToken, dropAccess, tokenLeftMs } from "./session.js";

// docs/websocket.md, "Coming back".
const ENDS = new Set([1002, 1007, 1009]);
const BAD_TOKEN = 4401;
const SESSION_ENDED = 4403;
const TOO_MANY_COMMANDS = 4029;
const STABLE_MS = 60_000;
/** From the handshake to `welcome`. */
const GREETING_MS = 10_000;
/** When nothing was heard for so long, the gateway is asked for a word; sooner where it speaks more often by itself. */
const QUIET_MS = 10_000;
/** How long that word may take. */
const ANSWER_MS = 5_000;
const SILENT = 1006;

export class Live {
  #channels;
  #onMessage;
  #onState;
  #socket = null;
  #tries = 0;
  #refusals = 0;
  #leastMs = 0;
  #isWanted = false;
  #quietMs = QUIET_MS;
  #answerMs = ANSWER_MS;
  #timers = new Map(); // by what they are for

  /**
   * @param {string[]} channels
   * @param {(message: {type: string}) => void} onMessage
   * @param {(state: "live" | "away" | "given-up" | "signed-out") => void} onState
   */
  constructor(channels, onMessage, onState) {
    this.#channels = channels;
    this.#onMessage = onMessage;
    this.#onState = onState;
  }

  open() {
    this.#isWanted = true;
    this.#tries = 0;
    return this.#connect();
  }

  close() {
    this.#isWanted = false;
    this.#drop();
  }

  async #connect() {
    this.#drop();
    let token;
    try {
      token = await accessToken();
    } catch (problem) {
      if (!this.#isWanted) return;
      return problem.status === 401 ? this.#onState("signed-out") : this.#comeBack(0);
    }
    if (!this.#isWanted || this.#socket) return;
    const address = addressOf("/ws");
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, "clipferry.v1");
    this.#socket = socket;
    socket.onopen = () => this.#say({ type: "hello", token, protocol: 1, client: { name: "page", version: "1" } });
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#hear(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (this.#socket === socket) this.#closed(event.code);
    };
    this.#after("silence", GREETING_MS, () => this.#closed(SILENT));
  }

  #drop() {
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #hear(message) {
    if (message.type === "welcome") {
      this.#refusals = 0;
      this.#after("stable", STABLE_MS, () => (this.#tries = 0));
      this.#quietMs = Math.min(QUIET_MS, message.heartbeat.intervalMs);
      this.#answerMs = Math.min(ANSWER_MS, message.heartbeat.timeoutMs);
      this.#channels.forEach((channel) => this.#say({ type: "subscribe", channel }));
      this.#refreshInTime();
      this.#onState("live");
    } else if (message.type === "ping") {
      this.#say({ type: "pong" });
    } else if (message.type === "goaway") {
      this.#leastMs = message.reconnectAfterMs;
    } else if (message.type === "token:refreshed") {
      this.#refreshInTime();
    }
    this.#after("silence", this.#quietMs, () => this.#askForAWord());
    this.#onMessage(message);
  }

  #askForAWord() {
    this.#say({ type: "ping" });
    this.#after("silence", this.#answerMs, () => this.#closed(SILENT));
  }

  #refreshInTime() {
    // accessToken() fetches a new one once 5 s or less are left.
    this.#after("refresh", Math.max(tokenLeftMs() - 4_000, 500), async () => {
      const token = await accessToken().catch(() => null);
      if (token) this.#say({ type: "token:refresh", token });
    });
  }

  #closed(code) {
    this.#drop();
    if (!this.#isWanted) return;
    if (code === SESSION_ENDED) return this.#onState("signed-out");
    if (code === BAD_TOKEN) {
      dropAccess();
      this.#refusals += 1;
      return this.#refusals > 1 ? this.#onState("signed-out") : this.#comeBack(0);
    }
    if (ENDS.has(code) || (code >= 4400 && code < 4500)) return this.#onState("given-up");
    const leastMs = code === TOO_MANY_COMMANDS ? 10_000 : this.#leastMs;
    this.#leastMs = 0;
    this.#comeBack(leastMs);
  }

  #comeBack(leastMs) {
    this.#onState("away");
    const mostMs = Math.min(500 * 2 ** this.#tries, 30_000);
    this.#tries += 1;
    this.#after("return", leastMs + Math.random() * mostMs, () => this.#connect());
  }

  #after(what, delayMs, work) {
    clearTimeout(this.#timers.get(what));
    this.#timers.set(what, setTimeout(work, delayMs));
  }
}
