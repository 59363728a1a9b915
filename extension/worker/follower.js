// Keeps the board true while somebody cares: a popup is open, or a job is not over. By the live connection, and by asking
// where that does not come through. Else everything is closed, and the browser may put the worker to sleep.

import { Live } from "../gateway/live.js";
import { account, call, isSignedIn } from "../gateway/session.js";
import { Board } from "../jobs/board.js";
import { unsent } from "./outbox.js";
import { WatchList } from "./watch_list.js";

const ALARM = "look";
const ALARM_MINUTES = 0.5;
const PAGE = 50;
/** A look that takes longer tells nothing of the present. */
const LOOK_TIMEOUT_MS = 5_000;

/**
 * @typedef {object} Connection
 * @property {"signed-out" | "connecting" | "live" | "polling" | "offline"} state
 * @property {string} why Why it is not live; empty: no reason is known.
 */

export class Follower {
  /**
   * @param {object} ears
   * @param {() => void} ears.onChange
   * @param {(view: any) => Promise<void>} ears.onEnded A job that was awaited is over.
   * @param {() => void} ears.onReached The gateway has just answered.
   */
  constructor(ears) {
    this.ears = ears;
    this.board = new Board();
    this.list = new WatchList();
    this.isLookedAt = false;
    this.user = null;
    this.reset();
    this.live = new Live({
      onMessage: (message) => this.hear(message),
      onOpen: () => {
        this.note({ isLive: true, isAnswered: true, socketWhy: "", why: "" });
        this.ears.onReached();
      },
      onAway: (socketWhy) => {
        // What the live connection said is no longer true, and nothing else has been asked yet.
        this.note({ isAnswered: this.isLive ? null : this.isAnswered, isLive: false, socketWhy });
        this.look();
      },
      onSignedOut: () => this.attend(),
    });
  }

  reset() {
    Object.assign(this, { isLive: false, isQueueAway: false, isAnswered: null, isSignedOut: false, socketWhy: "", why: "" });
  }

  note(more) {
    Object.assign(this, more);
    this.ears.onChange();
  }

  /** @returns {Connection} */
  get connection() {
    if (this.isSignedOut) return { state: "signed-out", why: this.why };
    if (this.isLive && this.isQueueAway) return { state: "offline", why: "The gateway cannot reach its queue." };
    if (this.isLive) return { state: "live", why: "" };
    if (this.isAnswered === false) return { state: "offline", why: this.why };
    if (this.isAnswered && this.socketWhy) return { state: "polling", why: this.socketWhy };
    return { state: "connecting", why: "" };
  }

  /** Do what the moment asks for: connect or close, set the alarm or clear it. */
  async attend() {
    await this.list.ready;
    this.isSignedOut = !(await isSignedIn());
    this.user = (await account())?.user ?? null;
    const hasWork = this.list.awaited.size > 0;
    if (!this.isSignedOut && (this.isLookedAt || hasWork)) this.live.open();
    else this.sleep();
    await this.setAlarm(!this.isSignedOut && (hasWork || (await unsent()).some(({ isRefused }) => !isRefused)));
    this.ears.onChange();
  }

  sleep() {
    this.live.close();
    Object.assign(this, { isLive: false, socketWhy: "" });
  }

  async setAlarm(isNeeded) {
    if (!isNeeded) return chrome.alarms.clear(ALARM);
    if (!(await chrome.alarms.get(ALARM))) return chrome.alarms.create(ALARM, { periodInMinutes: ALARM_MINUTES });
  }

  /** Ask for the jobs; whoever asks meanwhile shares the answer. */
  look() {
    this.looking ??= this.ask().finally(() => (this.looking = null));
    return this.looking;
  }

  async ask() {
    await this.list.ready;
    try {
      if (!(await isSignedIn())) return await this.attend();
      const { user } = await account();
      this.user = user;
      // The browser asks with the ETag of the last answer; what has not changed comes as 304 without a body.
      const { jobs } = await call("GET", `/api/jobs?limit=${PAGE}&owner=${encodeURIComponent(user)}`, { timeoutMs: LOOK_TIMEOUT_MS });
      const listed = new Set(jobs.map(({ id }) => id));
      const older = [...this.list.awaited].filter((id) => !listed.has(id));
      jobs.push(...(await Promise.all(older.map((id) => this.find(id)))).filter(Boolean));
      jobs.forEach((view) => this.board.put(view));
      Object.assign(this, { isAnswered: true, why: "" });
      this.ears.onReached();
    } catch (problem) {
      Object.assign(this, { isAnswered: false, why: problem.message });
    }
    await this.settle();
  }

  async find(id) {
    try {
      return await call("GET", `/api/jobs/${id}`, { timeoutMs: LOOK_TIMEOUT_MS });
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      await this.list.forget(id);
      return null;
    }
  }

  async hear(message) {
    if (message.type === "welcome") this.isQueueAway = !message.queueReachable;
    if (message.type === "queue:health") this.note({ isQueueAway: !message.reachable });
    if (!this.board.hear(message, this.user)) return;
    // Progress ends nothing and begins nothing.
    if (message.type === "job:progress") this.ears.onChange();
    else await this.settle();
  }

  /** A job that a request has told of. */
  async take(view) {
    await this.list.add(view.id);
    this.board.put(view);
    await this.settle();
  }

  /** Something may have ended or begun. */
  async settle() {
    const ended = await this.list.sort(this.board.all());
    for (const view of ended) await this.ears.onEnded(view);
    await this.attend();
  }

  /** Somebody else, or nobody, is signed in. */
  async restart() {
    this.sleep();
    this.board.clear();
    this.reset();
    await this.list.clear();
    await this.look();
  }
}
