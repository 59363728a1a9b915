// One job's life, step by step: what the gateway keeps of it, and between that the stages which this page saw.

import { element } from "../dom/element.js";
import { clockText, wholeText } from "../dom/moments.js";
import { saidOf, stageText } from "./words.js";

/** @typedef {{at: string | null, text: string, note?: string, tone?: string, error?: {code: string, message: string} | null}} Line */

/**
 * @param {import("../types.js").Entry} entry
 * @param {{steps: import("../types.js").Step[], complete: boolean}} history What the gateway told last.
 * @returns {Line[]}
 */
export function linesOf(entry, history) {
  const { view } = entry;
  const lines = history.steps.flatMap((step, place) => {
    const line = lineOf(step, view);
    const isLastRun = !history.steps.slice(place + 1).some(({ kind, attempt }) => kind === "started" && attempt === step.attempt);
    const isKept = history.steps.slice(place).some(({ kind, attempt }) => kind === "sending" && attempt === step.attempt);
    if (step.kind !== "started" || !isLastRun) return [line];
    const seen = stageLines(entry, step.attempt, isKept);
    return [line, ...(isKept && seen.length === 0 ? [UNSEEN] : seen)];
  });
  if (!history.complete) lines.splice(1, 0, { at: null, text: "What came next is not kept any more", tone: "next" });
  if (view.nextAttemptAt && !view.result) lines.push({ at: view.nextAttemptAt, text: `Attempt ${view.attempt + 1} of ${view.maxAttempts} may begin`, tone: "next" });
  else if (view.status === "queued") lines.push({ at: null, text: "Waits for a free place", tone: "next" });
  return lines;
}

/** The gateway's log goes from an attempt's begin to its upload; what is between is known to who was watching. */
const UNSEEN = { at: null, text: "Looked at the page, downloaded and prepared", note: "When each began was not watched here" };

function lineOf({ at, kind, attempt, maxAttempts, worker, error }, view) {
  const line = {
    accepted: { text: `Accepted from ${view.owner}` },
    started: { text: `Attempt ${attempt} of ${maxAttempts} began`, note: worker ? `by ${worker}` : "", tone: "mark" },
    sending: { text: stageText("sending"), tone: isNow(view, attempt, "sending") ? "now" : "" },
    cancel_requested: { text: "Somebody asked to cancel it" },
    finish_requested: { text: "Somebody finished the recording" },
    retrying: { text: `Attempt ${attempt} failed`, tone: "bad" },
    handed_back: { text: "The processor stopped and handed it back; the attempt does not count" },
    completed: { text: "Delivered", tone: "good" },
    failed: { text: "Failed", tone: "bad" },
    cancelled: { text: "Cancelled" },
    requeued: { text: "Sent again by hand", tone: "mark" },
  }[kind];
  return { at, ...line, error: error && saidOf(error) };
}

/** @param {boolean} isKept Whether the history has the upload's begin. */
function stageLines({ stages, view }, attempt, isKept) {
  return stages
    .of(attempt)
    .filter(({ stage }) => !isKept || stage !== "sending")
    .map(({ stage, at }) => ({ at, text: stageText(stage), tone: isNow(view, attempt, stage) ? "now" : "" }));
}

const isNow = (view, attempt, stage) => view.status === "processing" && view.attempt === attempt && view.stage === stage;

/** Draw lines into a list, and leave it alone when they are there already. @param {Line[]} lines */
export function drawTimeline(list, lines) {
  const key = JSON.stringify(lines);
  if (list.drawn === key) return;
  list.drawn = key;
  list.replaceChildren(
    ...lines.map(({ at, text, note, tone, error }) =>
      element(
        "li",
        { "data-tone": tone ?? "" },
        at ? element("time", { datetime: at, title: wholeText(at) }, clockText(at)) : element("span", { class: "faint" }, ""),
        element(
          "span",
          text,
          ...(note ? [element("span", { class: "note" }, note)] : []),
          ...(error ? [element("span", { class: "problem" }, ...(error.code ? [element("code", error.code), " "] : []), error.message)] : []),
        ),
      ),
    ),
  );
}
