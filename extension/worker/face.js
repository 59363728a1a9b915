// What people see of the worker: the badge, the icon's title, and every open popup.

import { badgeOf } from "../jobs/badge.js";
import { account } from "../gateway/session.js";
import { unsent } from "./outbox.js";

const COLOURS = { busy: "#1f6f78", bad: "#b3261e", unknown: "#5a676e" };
const TITLES = { offline: "the gateway cannot be reached", "signed-out": "not signed in" };
// Faster than that nobody reads.
const PAUSE_MS = 100;
const POINTED_AT_MS = 8_000;
// The clocks of a computer and of a gateway differ by less.
const SKEW_MS = 60_000;

/** Whether the gateway has a page already, though its answer has not arrived: then its job is what is shown. */
const isTaken = ({ url, isTried, isRefused, createdAtMs }, jobs) =>
  isTried && !isRefused && jobs.some((view) => view.videoData.pageUrl === url && Date.parse(view.addedAt) > createdAtMs - SKEW_MS);

export class Face {
  /** @param {import("./follower.js").Follower} follower */
  constructor(follower) {
    this.follower = follower;
    this.ports = new Set();
    this.timer = null;
    this.pointedAt = null;
  }

  /** Show for a while which job was under way already. */
  pointAt(id) {
    this.pointedAt = id;
    this.show();
    setTimeout(() => {
      if (this.pointedAt === id) this.pointedAt = null;
      this.show();
    }, POINTED_AT_MS);
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
    const jobs = isSignedOut ? [] : board.shown();
    const left = waiting.filter((entry) => !isTaken(entry, jobs));
    const state = { connection, server: held?.server ?? null, user: held?.user ?? null, jobs, unsent: left, pointedAt: this.pointedAt };
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
    const badge = badgeOf({ unfinished, unsentCount, failureCount: list.failed.size, isSignedOut: state === "signed-out", isKnown: state !== "offline" });
    await Promise.all([
      chrome.action.setBadgeText({ text: badge.text }),
      chrome.action.setBadgeBackgroundColor({ color: COLOURS[badge.tone] }),
      chrome.action.setTitle({ title: `clipferry: ${why || TITLES[state] || "send to Telegram"}` }),
    ]);
  }
}
