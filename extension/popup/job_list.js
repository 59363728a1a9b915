// The rows: what the worker says in, rows out. A row stays where it is while its job changes, so that the focus stays too.

import { detailOf, errorOf, errorReport, isLiveUnasked, isRetryable, nameOf, restOf, sentence, sourceOf, stageOf, titleOf } from "../jobs/wording.js";
import { messageAddress } from "../jobs/telegram.js";

const template = document.getElementById("job");
const COPIED_MS = 1500;

export class JobList {
  /**
   * @param {HTMLOListElement} list
   * @param {HTMLElement} announcement Where changes of stage are said to those who do not see.
   * @param {(command: string, more: object) => Promise<unknown>} act
   */
  constructor(list, announcement, act) {
    Object.assign(this, { list, announcement, act, rows: new Map() });
  }

  /** Show the pages that are not with the gateway yet, then the jobs. */
  show(jobs, unsent, pointedAt) {
    const wanted = [...unsent.toReversed().map((entry) => [entry.key, drawUnsent, entry]), ...jobs.map((view) => [view.id, drawJob, view])];
    const names = new Set(wanted.map(([name]) => name));
    for (const [name, row] of this.rows) {
      if (!names.has(name)) this.remove(name, row);
    }
    wanted.forEach(([name, draw, what], place) => {
      const row = this.rows.get(name) ?? this.add(name);
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place] ?? null);
      draw(row, what, this.act);
      row.querySelector(".there").hidden = name !== pointedAt;
      if (name === pointedAt && row.dataset.pointed !== "true") row.scrollIntoView({ block: "nearest" });
      row.dataset.pointed = name === pointedAt;
      this.announce(row);
    });
  }

  add(name) {
    const row = template.content.firstElementChild.cloneNode(true);
    this.rows.set(name, row);
    return row;
  }

  remove(name, row) {
    row.remove();
    this.rows.delete(name);
  }

  /** Only a change of stage is said, not every percent. */
  announce(row) {
    const { stage, said } = row.dataset;
    if (said && said !== stage) this.announcement.textContent = `${row.querySelector("strong").textContent}: ${stage}`;
    row.dataset.said = stage;
  }
}

function drawUnsent(row, entry, act) {
  const stage = entry.isRefused ? "Not sent" : entry.problem ? "Not sent yet" : "On its way";
  const error = entry.problem ? sentence(entry.problem) : "";
  draw(row, { title: nameOf(entry.url), source: restOf(entry.url), status: entry.isRefused ? "failed" : "queued", stage, error });
  offer(row, {
    copy: error && ((button) => copy(button, `${error}\npage: ${entry.url}`)),
    discard: () => act("discard", { key: entry.key }),
  });
}

function drawJob(row, view, act) {
  const isRunning = !view.result;
  const message = view.result && messageAddress(view);
  const percent = view.status === "processing" ? ` ${Math.floor(view.progress)} %` : "";
  draw(row, {
    title: titleOf(view),
    status: view.status,
    stage: stageOf(view),
    percent,
    progress: isRunning ? view.progress : null,
    source: sourceOf(view),
    error: errorOf(view),
    detail: detailOf(view),
  });
  const isUnknown = view.error?.code === "DELIVERY_UNKNOWN";
  const retry = (allowDuplicateDelivery) => act("retry", { id: view.id, allowDuplicateDelivery });
  const doubt = row.querySelector(".doubt");
  offer(row, {
    cancel: isRunning && !view.cancelRequested && (() => act("cancel", { id: view.id })),
    copy: view.status === "failed" && ((button) => copy(button, errorReport(view))),
    record: isLiveUnasked(view) && (() => act("record", { videoData: view.videoData })),
    retry: isRetryable(view) && (() => (isUnknown ? (doubt.hidden = false) : retry(false))),
    open: message && (() => chrome.tabs.create({ url: message })),
    // Only who has looked into the chat can say that a second message is right.
    again: isUnknown && (() => retry(true)),
  });
  if (view.status !== "failed") doubt.hidden = true;
}

function draw(row, { title, status, stage, percent = "", progress = null, source = "", error = "", detail = "" }) {
  Object.assign(row.dataset, { status, stage });
  const name = row.querySelector("strong");
  name.textContent = name.title = title;
  row.querySelector(".stage").textContent = `${stage}${percent}`;
  const bar = row.querySelector("progress");
  bar.hidden = progress === null;
  bar.value = progress ?? 0;
  bar.setAttribute("aria-label", `Progress of ${title}`);
  row.querySelector(".source").textContent = source;
  row.querySelector(".problem").textContent = error;
  row.querySelector(".detail").textContent = detail;
}

/** Show the buttons that do something now. */
function offer(row, actions) {
  const title = row.querySelector("strong").textContent;
  for (const button of row.querySelectorAll("button")) {
    const work = actions[button.classList[1]];
    button.hidden = !work;
    if (!work) continue;
    button.setAttribute("aria-label", `${button.textContent}: ${title}`);
    button.onclick = () => work(button);
  }
}

async function copy(button, text) {
  const label = button.textContent;
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), COPIED_MS);
}
