// Follows the jobs and the numbers: over the socket, by asking where there is none, or not at all while paused.

import { Live } from "./live.js";
import { accessToken, call, mayUse } from "./session.js";

const LOOK_MS = 5_000;
/** A look that takes longer tells nothing of the present. */
const LOOK_TIMEOUT_MS = 5_000;
/** What is under way may be older than the newest 200, and is asked for by itself. */
const PAGES = ["", "&state=queued", "&state=processing"].map((filter) => `/api/jobs?limit=200${filter}`);
/** Also while the socket is there: jobs that the queue no longer keeps say no word when they go. */
const RESYNC_MS = 300_000;

export class Follower {
  #live = new Live(["jobs", "queue", "memory"], (message) => this.#hear(message), (state) => this.#moved(state));
  #on;
  #line = "off"; // off, away, live, given-up
  #isPaused = false;
  #timer = null;
  #subscribedAtMs = 0;
  #isQueueHeard = true;

  /**
   * @param {object} on
   * @param {(message: {type: string}) => void} on.message What the socket said of a job.
   * @param {(jobs: import("../types.js").Job[], about: {more: boolean, cursor?: string | null, askedAtMs: number}) => void} on.jobs
   * @param {(status: string, jobs: import("../types.js").Job[], about: {more: boolean, askedAtMs: number}) => void} on.unfinished
   * @param {(stats: object) => void} on.queue
   * @param {(stats: object) => void} on.memory
   * @param {(state: "connecting" | "reconnecting" | "live" | "polling" | "offline" | "paused", why: string) => void} on.state
   * @param {() => void} on.signedOut
   */
  constructor(on) {
    this.#on = on;
    addEventListener("online", () => this.#wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
  }

  start() {
    this.#line = "away";
    this.#on.state("connecting", "");
    this.#live.open();
    this.look();
  }

  stop() {
    this.#live.close();
    clearTimeout(this.#timer);
    this.#line = "off";
    this.#isPaused = false;
  }

  get isPaused() {
    return this.#isPaused;
  }

  pause() {
    this.stop();
    this.#isPaused = true;
    this.#on.state("paused", "");
  }

  resume() {
    this.#isPaused = false;
    this.start();
  }

  /** Look at everything over REST, now; and go on doing so as long as it takes. */
  async look() {
    clearTimeout(this.#timer);
    if (this.#line === "off") return;
    if (!document.hidden) await this.#lookOnce();
    if (this.#line === "off") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), this.#line === "live" ? RESYNC_MS : LOOK_MS);
  }

  async #lookOnce() {
    const askedAtMs = performance.now();
    try {
      await accessToken();
      const paths = [...PAGES, ...(mayUse("stats:read") ? ["/api/queue/stats", "/api/memory/stats"] : [])];
      const [newest, waiting, running, queue, memory] = await Promise.all(paths.map((path) => call("GET", path, { timeoutMs: LOOK_TIMEOUT_MS })));
      if (this.#line === "off") return;
      this.#on.jobs(newest.jobs, { more: newest.nextCursor !== null, cursor: newest.nextCursor, askedAtMs });
      this.#on.unfinished("queued", waiting.jobs, { more: waiting.nextCursor !== null, askedAtMs });
      this.#on.unfinished("processing", running.jobs, { more: running.nextCursor !== null, askedAtMs });
      if (queue) this.#on.queue(queue);
      if (memory) this.#on.memory(memory);
      if (this.#line !== "live") this.#on.state("polling", "");
    } catch (problem) {
      if (problem.status === 401) return this.#on.signedOut();
      if (this.#line === "off" || this.#line === "live") return;
      this.#on.state(problem.status ? "polling" : "offline", problem.message);
    }
  }

  #wake() {
    if (this.#line === "off" || this.#line === "live") return;
    this.#live.open();
    this.look();
  }

  #moved(state) {
    if (state === "signed-out") return this.#on.signedOut();
    const wasLive = this.#line === "live";
    this.#line = state;
    if (state === "live") {
      this.#isQueueHeard = true;
      this.#subscribedAtMs = performance.now();
      this.#on.state("live", "");
      this.look();
    } else if (wasLive) {
      this.#on.state("reconnecting", "");
      this.look();
    }
  }

  #hear(message) {
    if (message.type === "welcome") this.#queueIs(message.queueReachable);
    else if (message.type === "queue:health") this.#queueIs(message.reachable);
    else if (message.type === "queue:stats") this.#on.queue(message.stats);
    else if (message.type === "memory:stats") this.#on.memory(message.stats);
    else if (message.type.startsWith("job:")) this.#on.message(message);
    else if (message.type === "subscribed" && message.snapshot) this.#fill(message);
  }

  #queueIs(reachable) {
    if (reachable === this.#isQueueHeard) return;
    this.#isQueueHeard = reachable;
    this.#on.state("live", reachable ? "" : "The queue cannot be reached: what you see is how it was.");
  }

  #fill({ channel, snapshot }) {
    if (channel === "jobs") this.#on.jobs(snapshot.jobs, { more: snapshot.more || !snapshot.full, askedAtMs: this.#subscribedAtMs });
    else if (channel === "queue") this.#on.queue(snapshot.stats);
    else if (channel === "memory") this.#on.memory(snapshot.stats);
  }
}
