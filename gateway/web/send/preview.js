// What is on a page and what a job would do with it, before anything is downloaded.
//
// The picture comes in the gateway's answer: to load it from the site would tell the site who looks.

import { byId, element, setText } from "../dom/element.js";
import { lengthText } from "../dom/moments.js";
import { sizeText } from "../dom/sizes.js";
import { call } from "../server/session.js";

const MOST_ENTRIES = 100;
/** Longer than the gateway gives a processor for it. */
const TIMEOUT_MS = 95_000;

export class Preview {
  #asking = null;
  #onItem;
  #onLive;

  /**
   * @param {(item: number) => void} onItem An entry of a list was chosen.
   * @param {() => void} onLive A live stream was chosen to be recorded.
   */
  constructor(onItem, onLive) {
    this.#onItem = onItem;
    this.#onLive = onLive;
    byId("preview-close").addEventListener("click", () => this.close());
    byId("preview-live").addEventListener("click", () => {
      this.#onLive();
      byId("preview-live").hidden = true;
      setText(byId("preview-plan"), "It will be recorded until it ends, a limit is reached, or you finish it.");
    });
  }

  /**
   * Ask the gateway and show the answer.
   *
   * @param {object} body As for a job.
   * @throws {import("../server/request.js").Problem}
   */
  async show(body) {
    this.close();
    byId("preview-entries").hidden = true;
    this.#describe("Looking at the page…", "");
    await this.#ask(body, (found) => this.#draw(found), () => this.close());
  }

  /**
   * Show one entry of the list that stands there; the list stays.
   *
   * @param {object} body As for a job, with the entry.
   * @throws {import("../server/request.js").Problem}
   */
  async showEntry(body) {
    this.#asking?.abort();
    this.#describe(byId("preview-title").textContent, "Looking at it…");
    await this.#ask(body, (found) => this.#drawVideo(found), () => setText(byId("preview-plan"), ""));
  }

  /** Whether a list stands there of which nothing was chosen. */
  get isUndecided() {
    const isList = !byId("preview").hidden && !byId("preview-entries").hidden;
    return isList && !byId("preview-entries").querySelector(":checked");
  }

  async #ask(body, draw, giveUp) {
    const asking = new AbortController();
    this.#asking = asking;
    byId("preview").setAttribute("aria-busy", "true");
    try {
      const found = await call("POST", "/api/probe", { body, signal: asking.signal, timeoutMs: TIMEOUT_MS });
      if (this.#asking === asking) draw(found);
    } catch (problem) {
      if (this.#asking !== asking) return;
      giveUp();
      throw problem;
    } finally {
      if (this.#asking === asking) byId("preview").removeAttribute("aria-busy");
    }
  }

  close() {
    this.#asking?.abort();
    this.#asking = null;
    byId("preview").hidden = true;
    byId("preview").removeAttribute("aria-busy");
  }

  #describe(title, plan, picture = null) {
    byId("preview").hidden = false;
    byId("preview").removeAttribute("data-fit");
    byId("preview-live").hidden = true;
    drawPicture(picture, title);
    setText(byId("preview-title"), title);
    setText(byId("preview-facts"), "");
    setText(byId("preview-plan"), plan);
  }

  #draw(found) {
    if (found.entries.length < 2) return this.#drawVideo(found);
    this.#describe(found.title || "A list without a title", "", found.thumbnail);
    setText(byId("preview-facts"), found.extractor ?? "");
    byId("preview-entries").hidden = false;
    this.#drawEntries(found.entries);
  }

  #drawVideo(found) {
    this.#describe(found.title || "A video without a title", planText(found), found.thumbnail);
    setText(byId("preview-facts"), factsText(found));
    if (found.plan) byId("preview").dataset.fit = found.plan.fit;
    byId("preview-live").hidden = !found.isLive;
  }

  #drawEntries(entries) {
    const shown = entries.slice(0, MOST_ENTRIES);
    const legend = shown.length < entries.length ? `A list. Which of the first ${shown.length} of ${entries.length}?` : `A list of ${entries.length}. Which one?`;
    byId("preview-entries").replaceChildren(
      element("legend", legend),
      ...shown.map(({ item, title, duration }) =>
        element(
          "label",
          element("input", { type: "radio", name: "entry", value: String(item), change: () => this.#onItem(item) }),
          element("span", `${item}. ${title || "without a title"}`),
          element("span", { class: "faint" }, duration ? lengthText(duration) : ""),
        ),
      ),
    );
  }
}

function drawPicture(address, title) {
  const image = byId("preview-image");
  image.hidden = !address;
  image.alt = address ? `Picture of “${title}”` : "";
  if (address) image.src = address;
  else image.removeAttribute("src");
}

function factsText({ extractor, duration, isLive, plan }) {
  const parts = [extractor];
  if (isLive) parts.push("live now");
  if (duration) parts.push(lengthText(duration));
  if (plan?.width && plan.height) parts.push(`${plan.width} × ${plan.height}`);
  if (plan?.estimatedSize) parts.push(`about ${sizeText(plan.estimatedSize)}`);
  return parts.filter(Boolean).join(" · ");
}

function planText({ plan, isLive }) {
  if (isLive) return "A live stream is sent only when you say that it shall be recorded.";
  if (!plan) return "";
  const limit = sizeText(plan.limit);
  return {
    as_is: plan.merges ? `Picture and sound are put together and sent as they are: within the limit of ${limit}.` : `It is sent as it is: within the limit of ${limit}.`,
    smaller_format: `A smaller format was chosen, to stay within ${limit}.`,
    transcode: `It is re-encoded to fit ${limit}. That takes a while.`,
    too_large: `It is too large: at most ${limit} can be sent.`,
    unknown: `The site does not say how large it is; at most ${limit} can be sent.`,
  }[plan.fit];
}
