// What is said of a job, in words and numbers.

const STAGES = {
  waiting: "Waiting",
  probing: "Looking at the page",
  downloading: "Downloading",
  muxing: "Preparing",
  transcoding: "Re-encoding",
  sending: "Sending",
};
const ENDS = { completed: "Delivered", failed: "Failed", cancelled: "Cancelled" };

/** One word or two for where a job is. */
export function stageOf(view) {
  if (view.result) return ENDS[view.status];
  if (view.cancelRequested) return "Cancelling";
  return STAGES[view.stage] ?? (view.status === "queued" ? "Waiting" : "Processing");
}

/** What it is called; until that is known, what its address is called. */
export const titleOf = (view) => view.title ?? nameOf(view.videoData.pageUrl);

/** Where it is from: the site, or the whole address where there is no title; empty: the name has said it all. */
export function sourceOf({ title, videoData: { pageUrl } }) {
  return title ? hostOf(pageUrl) : restOf(pageUrl);
}

/** The whole address, where its name leaves something out. */
export const restOf = (url) => (nameOf(url) === withoutScheme(url) ? "" : withoutScheme(url));

/** What an address is called: its site and the last part of its path. */
export function nameOf(url) {
  const [host, ...path] = withoutScheme(url).split(/[?#]/)[0].split("/").filter(Boolean);
  return path.length < 2 ? withoutScheme(url) : `${host}/…/${path.at(-1)}`;
}

/** An address without what everybody knows. */
export const withoutScheme = (url) => url.replace(/^https?:\/\/(www\.)?/, "").replace(/\/$/, "");

export const hostOf = (url) => (URL.canParse(url) ? new URL(url).host.replace(/^www\./, "") : "");

/** @param {number} bytes */
export function sizeText(bytes) {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** A sentence of the gateway's with its long numbers of bytes for people. */
export const sizesInWords = (text) => text.replace(/\b(\d{4,}) bytes\b/g, (_, digits) => sizeText(Number(digits)).replace(".0 ", " "));

/** A problem in one sentence, with the code that documents know it by where that helps. */
export function sentence(problem) {
  if (!problem.code) return String(problem);
  if (problem.code === "LIVE") return "The video is live. It can be recorded.";
  const said = sizesInWords(problem.message);
  return problem.code === "FIELD_INVALID" ? said : `${problem.code}: ${said}`;
}

/** @param {number} seconds */
export function timeText(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The numbers behind the bar: what is done, how fast, how long still; or how it ended. */
export function detailOf(view) {
  const parts = [];
  if (view.attempt > 1 || view.nextAttemptAt) parts.push(`attempt ${view.attempt} of ${view.maxAttempts}`);
  if (view.nextAttemptAt && !view.result) parts.push(`next at ${new Date(view.nextAttemptAt).toLocaleTimeString()}`);
  parts.push(...(view.result ? resultParts(view) : flowParts(view)));
  return parts.join(" · ");
}

function resultParts({ status, result }) {
  if (status !== "completed") return [];
  const { width, height, size } = result.metadata;
  const parts = [`in ${timeText(result.processingTime / 1000)}`];
  if (width && height) parts.push(`${width} × ${height}`);
  if (size) parts.push(sizeText(size));
  return parts;
}

function flowParts({ bytesDone, bytesTotal, speedBps, etaSeconds }) {
  const parts = [];
  if (bytesTotal) parts.push(`${sizeText(bytesDone)} of ${sizeText(bytesTotal)}`);
  else if (bytesDone) parts.push(sizeText(bytesDone));
  if (speedBps) parts.push(`${sizeText(speedBps)}/s`);
  if (etaSeconds) parts.push(`${timeText(etaSeconds)} left`);
  return parts;
}

/** Why it failed, or why the last run did; empty: it did not. */
export function errorOf({ error, status }) {
  return error && (status === "failed" || status === "queued") ? sentence(error) : "";
}

/** Whether the same once more may end otherwise; whether a message arrived, a person can see. */
export function isRetryable({ status, error }) {
  return status === "cancelled" || (status === "failed" && (!error || error.retryable || error.code === "DELIVERY_UNKNOWN"));
}

/** Whether it failed only because nobody asked for a recording. */
export const isLiveUnasked = ({ status, error, videoData }) => status === "failed" && error?.code === "LIVE" && !videoData.allowLive;

/** For somebody who asks for help. */
export function errorReport(view) {
  return [`${view.error?.code}: ${view.error?.message}`, `page: ${view.videoData.pageUrl}`, `job: ${view.id}, attempt ${view.attempt} of ${view.maxAttempts}`].join("\n");
}
