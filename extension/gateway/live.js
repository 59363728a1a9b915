// One WebSocket: hello, the channel of jobs, pings; comes back by itself, with growing, random pauses. See docs/websocket.md.

import { socketAddress } from "./address.js";
import { accessToken, account, renewInMs } from "./session.js";

// Messages, unlike frame pings, keep the worker from falling asleep after 30 s. They come sooner where the gateway itself
// speaks more often.
const PING_MS = 10_000;
const ANSWER_MS = 5_000;
const GREETING_MS = 10_000;
const STABLE_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;

const REFUSED = new Set([4010, 4401, 4403]);
const BREAKS_RULES = new Set([1002, 1007, 1009, 4400, 4408]);
const SAID = {
  4406: "The gateway speaks another version of the protocol: update the extension or the gateway.",
  4409: "Too many live connections of yours; this one gave way.",
};
const BLOCKED = "Live updates are blocked on the way, by a proxy perhaps.";
const LOST = "The live connection was lost; it is tried again by itself.";

/** Is told what the socket says and how it is. */
export class Live {
  /**
   * @param {object} ears
   * @param {(message: any) => void} ears.onMessage
   * @param {() => void} ears.onOpen It is live: what it says is true from now on.
   * @param {(why: string) => void} ears.onAway It says nothing any more.
   * @param {() => void} ears.onSignedOut
   */
  constructor(ears) {
    Object.assign(this, { ears, socket: null, cursor: undefined, failures: 0, isWanted: false, isGivenUp: false, wasWelcome: false, timers: new Map() });
  }

  /** Open it unless it is open, being opened, or about to be. */
  open() {
    if (this.isWanted || this.isGivenUp) return;
    this.isWanted = true;
    this.connect();
  }

  /** Close it and stay away; what made it give up is forgotten. */
  close() {
    this.isWanted = this.isGivenUp = this.wasWelcome = false;
    this.failures = 0;
    this.cursor = undefined;
    this.drop(1000);
  }

  async connect() {
    let token, server;
    try {
      token = await accessToken(this.isTokenRefused);
      server = (await account()).server;
    } catch (problem) {
      if (problem.needsSignIn) return this.leave();
      return this.comeBack(problem.message);
    }
    if (!this.isWanted || this.socket) return;
    this.isTokenRefused = false;
    const socket = new WebSocket(socketAddress(server), "clipferry.v1");
    this.socket = socket;
    const client = { name: "extension", version: chrome.runtime.getManifest().version };
    socket.onopen = () => this.say({ type: "hello", token, protocol: 1, client });
    socket.onmessage = ({ data }) => {
      if (this.socket === socket) this.hear(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (this.socket === socket) this.closed(code);
    };
    this.expectAnswer(socket, GREETING_MS);
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hear(message) {
    this.isAnswered();
    if (message.cursor !== undefined) this.cursor = message.cursor;
    if (message.type === "welcome") {
      this.wasWelcome = true;
      this.pingMs = Math.min(PING_MS, message.heartbeat.intervalMs);
      this.answerMs = Math.min(ANSWER_MS, message.heartbeat.timeoutMs);
      this.say({ type: "subscribe", channel: "jobs", cursor: this.cursor });
      this.keepAwake();
      this.renewInTime();
      this.later("stable", STABLE_MS, () => (this.failures = 0));
    } else if (message.type === "ping") this.say({ type: "pong" });
    else if (message.type === "token:refreshed") this.renewInTime();
    else if (message.type === "goaway") this.pauseMs = message.reconnectAfterMs;
    this.ears.onMessage(message);
    if (message.type === "subscribed" && message.channel === "jobs" && message.snapshot) this.ears.onOpen();
  }

  keepAwake() {
    this.later("ping", this.pingMs, () => {
      this.say({ type: "ping" });
      this.expectAnswer(this.socket, this.answerMs);
      this.keepAwake();
    });
  }

  /** A socket that is silent is dead, whatever it says of itself. */
  expectAnswer(socket, withinMs) {
    this.later("silence", withinMs, () => {
      if (this.socket === socket) this.closed(1006);
    });
  }

  isAnswered() {
    clearTimeout(this.timers.get("silence"));
  }

  async renewInTime() {
    this.later("renew", await renewInMs(), async () => {
      const token = await accessToken().catch(() => null);
      if (token) this.say({ type: "token:refresh", token });
    });
  }

  closed(code) {
    this.drop(1000);
    if (!this.isWanted) return;
    if (code in SAID || BREAKS_RULES.has(code)) return this.giveUp(SAID[code] ?? `The live connection was refused (${code}).`);
    // Of a session that was ended (4403) no new token can be had, and that says so.
    this.isTokenRefused = REFUSED.has(code);
    if (code === 4029) this.pauseMs = 10_000;
    this.comeBack(this.wasWelcome ? LOST : BLOCKED);
  }

  giveUp(why) {
    this.isWanted = false;
    this.isGivenUp = true;
    this.ears.onAway(why);
  }

  leave() {
    this.isWanted = false;
    this.ears.onSignedOut();
  }

  comeBack(why) {
    this.ears.onAway(why);
    const longestMs = Math.min(500 * 2 ** this.failures, LONGEST_PAUSE_MS);
    this.failures += 1;
    this.later("return", (this.pauseMs ?? 0) + Math.random() * longestMs, () => this.connect());
    this.pauseMs = 0;
  }

  drop(code) {
    this.timers.forEach(clearTimeout);
    this.timers.clear();
    const socket = this.socket;
    this.socket = null;
    socket?.close(code);
  }

  later(name, delayMs, work) {
    clearTimeout(this.timers.get(name));
    this.timers.set(name, setTimeout(work, delayMs));
  }
}
