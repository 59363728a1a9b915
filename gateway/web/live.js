// One WebSocket: hello, subscriptions, pings; comes back by itself, with growing, random pauses.

import { accessToken, addressOf, tokenLeftMs } from "./session.js";

// docs/websocket.md, "Coming back".
const ENDS = new Set([1002, 1007, 1009]);
const SIGN_IN = new Set([4401, 4403]);
const TOO_MANY_COMMANDS = 4029;
const STABLE_MS = 60_000;

export class Live {
  constructor(channels, onMessage, onState) {
    Object.assign(this, { channels, onMessage, onState, socket: null, attempt: 0, leastMs: 0, isWanted: false, timers: [] });
  }

  async open() {
    this.isWanted = true;
    let token;
    try {
      token = await accessToken();
    } catch (problem) {
      return problem.status === 401 ? this.onState("signed-out") : this.comeBack(0);
    }
    if (!this.isWanted) return;
    const address = addressOf("/ws");
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, "clipferry.v1");
    this.socket = socket;
    socket.onopen = () => this.say({ type: "hello", token, protocol: 1, client: { name: "page", version: "1" } });
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => {
      if (this.socket === socket) this.closed(event.code);
    };
  }

  close() {
    this.isWanted = false;
    this.stopTimers();
    this.socket?.close(1000);
    this.socket = null;
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  hear(message) {
    if (message.type === "welcome") {
      this.later(STABLE_MS, () => (this.attempt = 0));
      this.channels.forEach((channel) => this.say({ type: "subscribe", channel }));
      this.refreshInTime();
      this.onState("live");
    } else if (message.type === "ping") {
      this.say({ type: "pong" });
    } else if (message.type === "goaway") {
      this.leastMs = message.reconnectAfterMs;
    } else if (message.type === "token:refreshed") {
      this.refreshInTime();
    }
    this.onMessage(message);
  }

  refreshInTime() {
    // accessToken() fetches a new one once 5 s or less are left.
    this.later(Math.max(tokenLeftMs() - 4_000, 500), async () => {
      const token = await accessToken().catch(() => null);
      if (token) this.say({ type: "token:refresh", token });
    });
  }

  closed(code) {
    this.stopTimers();
    this.socket = null;
    if (!this.isWanted) return;
    if (SIGN_IN.has(code)) return this.onState("signed-out");
    if (ENDS.has(code) || (code >= 4400 && code < 4500)) return this.onState("polling");
    const leastMs = code === TOO_MANY_COMMANDS ? 10_000 : this.leastMs;
    this.leastMs = 0;
    this.comeBack(leastMs);
  }

  comeBack(leastMs) {
    this.onState("away");
    const mostMs = Math.min(500 * 2 ** this.attempt, 30_000);
    this.attempt += 1;
    this.later(leastMs + Math.random() * mostMs, () => this.open());
  }

  later(delayMs, work) {
    this.timers.push(setTimeout(work, delayMs));
  }

  stopTimers() {
    this.timers.forEach(clearTimeout);
    this.timers = [];
  }
}
