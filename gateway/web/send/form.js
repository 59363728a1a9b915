// What is to be sent: an address, and how.

import { byId, setText } from "../dom/element.js";
import { sentence } from "../server/request.js";
import { call } from "../server/session.js";
import { Preview } from "./preview.js";

// People type addresses without their beginning; `localhost:8082` has none either.
const wholeAddress = (typed) => (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(typed) ? typed : `https://${typed}`);

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (number) => number.toString(16)).join("");

export class SendForm {
  #put;
  #preview;
  // A key for each request: pressing the button twice makes one job.
  #pending = { body: "", key: "" };

  /** @param {(view: import("../types.js").Job) => void} put Takes over the new job. */
  constructor(put) {
    this.#put = put;
    this.#preview = new Preview((item) => (byId("item").value = item), () => (byId("allow-live").checked = true));
    byId("submit").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#guarded(() => this.#send());
    });
    byId("preview-button").addEventListener("click", () => {
      if (byId("submit").reportValidity()) this.#guarded(() => this.#preview.show(this.#body()));
    });
    byId("url").addEventListener("input", () => this.#preview.close());
  }

  focus() {
    byId("url").focus();
  }

  clear() {
    byId("submit").reset();
    this.#preview.close();
    setText(byId("submit-error"), "");
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

  async #send() {
    const body = this.#body();
    const written = JSON.stringify(body);
    if (this.#pending.body !== written) this.#pending = { body: written, key: newKey() };
    this.#put(await call("POST", "/api/jobs", { body, headers: { "Idempotency-Key": this.#pending.key } }));
    this.#pending = { body: "", key: "" };
    // The chat and the kind stay: the next one usually goes the same way.
    for (const id of ["url", "caption", "item"]) byId(id).value = "";
    byId("allow-live").checked = false;
    this.#preview.close();
    this.focus();
  }

  async #guarded(work) {
    setText(byId("submit-error"), "");
    try {
      await work();
    } catch (problem) {
      // Pressed twice: the first press is being answered.
      if (problem.code !== "REQUEST_IN_FLIGHT") setText(byId("submit-error"), sentence(problem));
    }
  }
}
