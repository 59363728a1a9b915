// What people see of the worker: the badge, the icon's title, and every open popup.

import { badgeOf } from "../jobs/badge.js";
import { account } from "../gateway/session.js";
import { unsent } from "./outbox.js";

const COLOURS = { busy: "#1f6f78", bad: "#b3261e", unknown: "#5a676e" };
const TITLES = { offline: "the gateway cannot be reached", "signed-out": "not signed in" };
// Faster than that nobody reads.
const PAUSE_MS = 100;

export class Face {
  /** @param {import("./follower.js").Follower} follower */
  constructor(follower) {
    this.follower = follower;
    this.ports = new Set();
    this.timer = null;
  }

  /** Something changed: show it soon, and once. */
  show() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.paint();
    }, PAUSE_MS);
  }

  async paint() {
    const [held, waiting] = await Promise.all([account(), unsent()]);
    const { connection, board } = this.follower;
    const isSignedOut = connection.state === "signed-out";
    const state = { connection, server: held?.server ?? null, user: held?.user ?? null, jobs: isSignedOut ? [] : board.newest(), unsent: waiting };
    this.ports.forEach((port) => port.postMessage(state));
    await this.paintIcon(connection, waiting);
  }

  async paintIcon({ state, why }, waiting) {
    const { board, list, isAnswered } = this.follower;
    // A worker that has just woken knows nothing yet: what stands there is the newest that is known.
    if (isAnswered === null && list.awaited.size > 0 && state !== "signed-out") return;
    const known = board.unfinished();
    const unfinished = known.length > 0 ? known : [...list.awaited].map(() => ({ progress: 0 }));
    const unsentCount = waiting.filter(({ isRefused }) => !isRefused).length;
    const badge = badgeOf({ unfinished, unsentCount, failureCount: list.failed.size, isKnown: state !== "offline" });
    await Promise.all([
      chrome.action.setBadgeText({ text: badge.text }),
      chrome.action.setBadgeBackgroundColor({ color: COLOURS[badge.tone] }),
      chrome.action.setTitle({ title: `clipferry: ${why || TITLES[state] || "send to Telegram"}` }),
    ]);
  }
}
