// What is to be sent: an address, and how.

import { byId, element, setText } from "../dom/element.js";
import { titleOf } from "../jobs/words.js";
import { Problem, sentence } from "../server/request.js";
import { call } from "../server/session.js";
import { Preview } from "./preview.js";

// People type addresses without their beginning; `localhost:8082` has none either.
const wholeAddress = (typed) => (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(typed) ? typed : `https://${typed}`);

/** A press whose answer was lost may still be being answered: so often the same is asked again, a second apart. */
const MOST_REPEATS = 30;
const REPEAT_MS = 1_000;

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(16)).join("");

const passed = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class SendForm {
  #onAccepted;
  #preview;
  #isSending = false;
  #isUnreached = false;
  // A key for each request: pressing the button twice makes one job.
  #pending = { body: "", key: "" };

  /**
   * @param {(view: import("../types.js").Job, isThere: boolean) => void} onAccepted Takes over the job: a new one, or one
   *   that was under way already.
   */
  constructor(onAccepted) {
    this.#onAccepted = onAccepted;
    this.#preview = new Preview((item) => this.#choose(item), () => (byId("allow-live").checked = true));
    byId("submit").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#guarded(() => this.#sendOnce());
    });
    byId("preview-button").addEventListener("click", () => {
      if (byId("submit").reportValidity()) this.#guarded(() => this.#preview.show(this.#body()));
    });
    byId("url").addEventListener("input", () => this.#preview.close());
  }

  /** Offer the chats that have a name or a number; the default one is an empty field. */
  async offerChats() {
    const { chats } = await call("GET", "/api/auth/me");
    const named = chats.filter((chat) => chat !== "default" && chat !== "*");
    byId("chats").replaceChildren(...named.map((chat) => element("option", { value: chat })));
  }

  /** The gateway can be reached: that it could not be is no longer true. */
  reached() {
    if (this.#isUnreached) setText(byId("submit-error"), "");
    this.#isUnreached = false;
  }

  focus() {
    byId("url").focus();
  }

  clear() {
    byId("submit").reset();
    this.#preview.close();
    setText(byId("submit-error"), "");
    byId("submit-note").replaceChildren();
  }

  #choose(item) {
    byId("item").value = item;
    this.#guarded(() => this.#preview.showEntry(this.#body()));
  }

  #body() {
    const body = { url: wholeAddress(byId("url").value.trim()), kind: byId("kind").value };
    const [chat, caption, item] = ["chat", "caption", "item"].map((id) => byId(id).value.trim());
    if (chat) body.destination = chat;
    if (caption) body.caption = caption;
    if (item) body.playlistItem = Number(item);
    if (byId("allow-live").checked) body.allowLive = true;
    return body;
  }

  // Pressed twice: the first press is being answered.
  async #sendOnce() {
    if (this.#isSending) return;
    this.#isSending = true;
    await this.#send().finally(() => (this.#isSending = false));
  }

  async #send() {
    const body = this.#body();
    if (this.#preview.isUndecided && !body.playlistItem) throw new Problem("FIELD_INVALID", "It is a list: choose one of it first.", 0);
    const written = JSON.stringify(body);
    if (this.#pending.body !== written) this.#pending = { body: written, key: newKey() };
    const view = await this.#submit(body);
    this.#onAccepted(view, view.duplicate);
    if (view.duplicate) this.#note(view);
    this.#pending = { body: "", key: "" };
    // The chat and the kind stay: the next one usually goes the same way.
    for (const id of ["url", "caption", "item"]) byId(id).value = "";
    byId("allow-live").checked = false;
    this.#preview.close();
    this.focus();
  }

  async #submit(body) {
    for (let repeats = 0; ; repeats += 1) {
      try {
        return await call("POST", "/api/jobs", { body, headers: { "Idempotency-Key": this.#pending.key } });
      } catch (problem) {
        if (problem.code !== "REQUEST_IN_FLIGHT" || repeats === MOST_REPEATS) throw problem;
        await passed(problem.retryAfterMs || REPEAT_MS);
      }
    }
  }

  #note(view) {
    const link = element("a", { href: `#job=${view.id}` }, titleOf(view));
    byId("submit-note").replaceChildren("Already under way, and not sent a second time: ", link);
  }

  async #guarded(work) {
    setText(byId("submit-error"), "");
    this.#isUnreached = false;
    byId("submit-note").replaceChildren();
    try {
      await work();
    } catch (problem) {
      this.#isUnreached = problem.code === "UNAVAILABLE" && problem.status === 0;
      setText(byId("submit-error"), sentence(problem).replace(/^url must /, "The address must "));
    }
  }
}
