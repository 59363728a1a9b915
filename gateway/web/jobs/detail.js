// One job, whole: facts, timeline, what can be done. Opened by the address `#job=<id>`, so that it can be sent to somebody.

import { copyButton } from "../dom/copying.js";
import { byId, element, setAttribute, setText } from "../dom/element.js";
import { lengthText, wholeText, zoneName } from "../dom/moments.js";
import { painter } from "../dom/painter.js";
import { sizeText } from "../dom/sizes.js";
import { sentence } from "../server/request.js";
import { allowed } from "./actions.js";
import { History } from "./history.js";
import { messageAddress } from "./telegram.js";
import { drawTimeline, linesOf } from "./timeline.js";
import { detailOf, errorReport, stateText, titleOf } from "./words.js";

export class Detail {
  #dialog = byId("detail");
  #entry = null;
  #facts = "";
  #draw = painter(() => this.#entry && this.#paint());
  #actions;
  #history = new History(() => this.#draw());

  /** @param {import("./actions.js").Actions} actions */
  constructor(actions) {
    this.#actions = actions;
    for (const name of ["cancel", "finish", "record", "retry"]) {
      byId(`detail-${name}`).addEventListener("click", () => this.#act(name));
    }
    byId("detail-close").addEventListener("click", () => this.#dialog.close());
    byId("detail-copies").append(
      copyButton("Copy address", () => this.#entry.view.videoData.pageUrl),
      copyButton("Copy id", () => this.#entry.view.id),
    );
    this.#copyError = copyButton("Copy error", () => errorReport(this.#entry.view));
    byId("detail-copies").append(this.#copyError);
    this.#dialog.addEventListener("close", () => {
      this.#entry = null;
      // The address is the job's no longer; going back leads to where one was before.
      if (location.hash.startsWith("#job=")) history.replaceState(null, "", "#jobs");
    });
  }

  #copyError;

  /** @param {import("../types.js").Entry} entry */
  open(entry) {
    this.#entry = entry;
    this.#facts = "";
    setText(byId("detail-problem"), "");
    setText(byId("zone"), `Times are those of ${zoneName()}.`);
    this.#paint();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  close() {
    if (this.#dialog.open) this.#dialog.close();
  }

  /** @param {import("../types.js").Entry} entry */
  changed(entry) {
    if (this.#entry === entry) this.#draw();
  }

  removed(id) {
    if (this.#entry?.view.id === id) this.close();
  }

  async #act(name) {
    setText(byId("detail-problem"), "");
    try {
      await this.#actions[name](this.#entry.view);
      // That made another job; it is in the list.
      if (name === "record") this.close();
    } catch (problem) {
      setText(byId("detail-problem"), sentence(problem));
    }
  }

  #paint() {
    const { view } = this.#entry;
    setAttribute(this.#dialog, "data-status", view.status);
    setText(byId("detail-title"), titleOf(view));
    setText(byId("detail-state"), stateText(view));
    const isRunning = view.status === "processing";
    byId("detail-bar").hidden = !isRunning;
    byId("detail-bar").querySelector("progress").value = view.progress;
    setText(byId("detail-bar").querySelector(".percent"), `${Math.round(view.progress)} %`);
    setText(byId("detail-flow"), detailOf(this.#entry));
    const may = allowed(view);
    for (const name of Object.keys(may)) byId(`detail-${name}`).hidden = !may[name];
    byId("detail-cancel").disabled = view.cancelRequested;
    byId("detail-finish").disabled = view.finishRequested;
    this.#copyError.hidden = !view.error;
    const address = view.result && messageAddress(view);
    byId("detail-telegram").hidden = !address;
    if (address) byId("detail-telegram").href = address;
    this.#drawFacts(view);
    this.#history.follow(view);
    drawTimeline(byId("timeline"), linesOf(this.#entry, this.#history.told));
    setText(byId("history-problem"), this.#history.problem);
  }

  #drawFacts(view) {
    const facts = factsOf(view);
    const key = JSON.stringify(facts);
    if (key === this.#facts) return;
    this.#facts = key;
    byId("facts").replaceChildren(...facts.map(([name, value]) => element("div", element("dt", name), element("dd", value))));
    byId("detail-page").textContent = view.videoData.pageUrl;
    byId("detail-page").href = view.videoData.pageUrl;
  }
}

function factsOf(view) {
  const { videoData: asked, result } = view;
  const media = result?.metadata ?? {};
  const facts = [
    ["Sent by", view.owner],
    ["To", asked.destination ?? "the default chat"],
    ["As", asked.kind === "audio" ? "sound" : "video"],
    ["Attempt", view.attempt ? `${view.attempt} of ${view.maxAttempts}` : `none yet of ${view.maxAttempts}`],
  ];
  if (asked.playlistItem) facts.push(["Item of the list", String(asked.playlistItem)]);
  if (media.extractor) facts.push(["Site", media.extractor]);
  if (media.duration) facts.push(["Length", lengthText(media.duration)]);
  if (media.width && media.height) facts.push(["Picture", `${media.width} × ${media.height}`]);
  if (media.size) facts.push(["Size", sizeText(media.size)]);
  if (result?.telegramMessageId) facts.push(["Message", String(result.telegramMessageId)]);
  if (asked.caption) facts.push(["Caption", asked.caption]);
  facts.push(["Accepted", wholeText(view.addedAt)]);
  if (view.finishedAt) facts.push(["Ended", wholeText(view.finishedAt)]);
  return facts;
}
