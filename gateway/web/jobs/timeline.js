// One job's life, step by step: what the job itself tells, and what this page saw.

import { element } from "../dom/element.js";
import { clockText, wholeText } from "../dom/moments.js";
import { stageText } from "./words.js";

const OUTCOMES = { completed: "Delivered", failed: "Failed", cancelled: "Cancelled" };

/**
 * @param {import("../types.js").Entry} entry
 * @returns {{at: string | null, text: string, error: {code: string, message: string} | null, tone: string}[]}
 */
export function stepsOf({ view, history }) {
  const events = history.events;
  const steps = [step(view.addedAt, `Accepted from ${view.owner}`)];
  const firstSeen = Math.min(...events.map((event) => event.attempt).filter((attempt) => attempt > 0), view.attempt || 1);
  if (firstSeen > 1) steps.push(step(null, firstSeen === 2 ? "Attempt 1 failed before this page was open" : `Attempts 1 to ${firstSeen - 1} failed before this page was open`, "bad"));
  steps.push(...events.map((event) => stepOf(event, view)));
  if (view.nextAttemptAt && !view.result) steps.push(step(view.nextAttemptAt, `Attempt ${view.attempt + 1} of ${view.maxAttempts} may begin`, "next"));
  else if (view.status === "queued" && events.at(-1)?.kind !== "again") steps.push(step(null, "Waits for a free place", "next"));
  return steps;
}

const step = (at, text, tone = "", error = null) => ({ at, text, tone, error });

function stepOf({ kind, attempt, at, stage, outcome, error }, view) {
  if (kind === "began") return step(at, `Attempt ${attempt} of ${Math.max(view.maxAttempts, attempt)} began`, "mark");
  if (kind === "stage") return step(at, stageText(stage), isNow(view, attempt, stage) ? "now" : "");
  if (kind === "cancel") return step(at, "Somebody asked to cancel it");
  if (kind === "again") return step(at, "Sent again by hand", "mark");
  if (outcome === "retry") return step(at, `Attempt ${attempt} failed`, "bad", error);
  return step(at, OUTCOMES[outcome], { completed: "good", failed: "bad" }[outcome] ?? "", outcome === "failed" ? error : null);
}

const isNow = (view, attempt, stage) => view.status === "processing" && view.attempt === attempt && view.stage === stage;

/** Draw the steps into a list. */
export function drawTimeline(list, entry) {
  const steps = stepsOf(entry);
  const key = JSON.stringify(steps);
  if (list.drawn === key) return;
  list.drawn = key;
  list.replaceChildren(
    ...steps.map(({ at, text, tone, error }) =>
      element(
        "li",
        { "data-tone": tone },
        at ? element("time", { datetime: at, title: wholeText(at) }, clockText(at)) : element("span", { class: "faint" }, ""),
        element("span", text, ...(error ? [element("span", { class: "problem" }, element("code", error.code), ` ${error.message}`)] : [])),
      ),
    ),
  );
}
