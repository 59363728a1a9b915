// One WebSocket: hello, subscriptions, pings; comes back by itself, with growing, random pauses.

import { accessToken, tokenLeftMs } from "./session.js";

const STAY_AWAY = new Set([4400, 4403, 4406, 4408, 1009]);

export class Live {
  constructor(channels, onMessage, onState) {
    Object.assign(this, { channels, onMessage, onState, socket: null, attempt: 0, isWanted: false, timers: [] });
  }

  async open() {
    this.isWanted = true;
    let token;
    try {
      token = await accessToken();
    } catch (problem) {
      return problem.status === 401 ? this.onState("signed-out") : this.comeBack();
    }
    if (!this.isWanted) return;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, "clipferry.v1");
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
      this.attempt = 0;
      this.channels.forEach((channel) => this.say({ type: "subscribe", channel }));
      this.refreshInTime();
      this.onState("live");
    } else if (message.type === "ping") {
      this.say({ type: "pong" });
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
    if (STAY_AWAY.has(code)) return this.onState(code === 4403 ? "signed-out" : "stopped");
    this.comeBack();
  }

  comeBack() {
    this.onState("away");
    this.attempt += 1;
    const longestMs = Math.min(500 * 2 ** this.attempt, 30_000);
    this.later(longestMs * (0.5 + Math.random() / 2), () => this.open());
  }

  later(delayMs, work) {
    this.timers.push(setTimeout(work, delayMs));
  }

  stopTimers() {
    this.timers.forEach(clearTimeout);
    this.timers = [];
  }
}
