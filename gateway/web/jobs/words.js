// What is said of a job, in words and numbers.

import { clockText, lengthText, spanText } from "../dom/moments.js";
import { sizeText, sizesInWords } from "../dom/sizes.js";

const STAGES = {
  waiting: "Waiting",
  probing: "Looking at the page",
  downloading: "Downloading",
  muxing: "Preparing",
  transcoding: "Re-encoding",
  sending: "Sending",
};
const ENDS = { completed: "Delivered", failed: "Failed", cancelled: "Cancelled" };

/** What a stage of a job is called. */
export const stageText = (stage) => STAGES[stage] ?? "Starting";

/** One word or two for where a job is. */
export function stateText(view) {
  if (view.result) return ENDS[view.status];
  if (view.cancelRequested) return "Cancelling";
  if (view.finishRequested) return "Finishing";
  if (view.status === "queued") return view.nextAttemptAt ? "Waiting to retry" : STAGES.waiting;
  return stageText(view.stage);
}

/** What a job is called: by the video's own title once that is known. */
export const titleOf = (view) => view.title ?? nameOf(view.videoData.pageUrl);

/** What an address is called: its site and the last part of its path. */
export function nameOf(url) {
  const [host, ...path] = withoutScheme(url).split(/[?#]/)[0].split("/").filter(Boolean);
  return path.length < 2 ? withoutScheme(url) : `${host}/…/${path.at(-1)}`;
}

/** An address without what everybody knows. */
export const withoutScheme = (url) => url.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");

/** Where a job comes from, unless its title says that already. */
export function sourceOf(view) {
  const whole = withoutScheme(view.videoData.pageUrl);
  return titleOf(view) === whole ? "" : whole;
}

/** The numbers beside the bar: what is done, how fast, how long still; or how it ended. */
export function detailOf({ view }) {
  const parts = [];
  if (view.nextAttemptAt && !view.result) parts.push(`attempt ${view.attempt + 1} of ${view.maxAttempts} at ${clockText(view.nextAttemptAt)}`);
  else if (view.attempt > 1) parts.push(`attempt ${view.attempt} of ${view.maxAttempts}`);
  if (view.status === "completed") parts.push(...mediaParts(view.result.metadata), `in ${spanText(view.result.processingTime / 1000)}`);
  else parts.push(...flowParts(view));
  return parts.join(" · ");
}

/** Length, size in pixels, size in bytes, as far as they are known. */
export function mediaParts({ duration, width, height, size }) {
  const parts = [];
  if (duration) parts.push(lengthText(duration));
  if (width && height) parts.push(`${width} × ${height}`);
  if (size) parts.push(sizeText(size));
  return parts;
}

function flowParts({ bytesDone, bytesTotal, speedBps, etaSeconds }) {
  const parts = [];
  if (bytesTotal) parts.push(`${sizeText(bytesDone)} of ${sizeText(bytesTotal)}`);
  else if (bytesDone) parts.push(sizeText(bytesDone));
  if (speedBps) parts.push(`${sizeText(speedBps)}/s`);
  if (etaSeconds) parts.push(`${spanText(etaSeconds)} left`);
  return parts;
}

/** Why it failed, or why the last attempt did, as it is said to people; null: it did not. */
export const errorOf = ({ error, status }) => (error && (status === "failed" || status === "queued") ? saidOf(error) : null);

/**
 * An error in words for people; without its code where there is a button for what it asks for.
 *
 * @returns {{code: string, message: string}}
 */
export function saidOf({ code, message }) {
  if (code === "LIVE") return { code: "", message: "The video is live. It can be recorded." };
  return { code, message: sizesInWords(message) };
}

/** For somebody who asks for help. */
export function errorReport(view) {
  const { code, message } = view.error;
  return [`${code}: ${message}`, `page: ${view.videoData.pageUrl}`, `job: ${view.id}, attempt ${view.attempt} of ${view.maxAttempts}`].join("\n");
}
