// Notifications: at the end of a job, and when something cannot be sent.

import { sizesInWords, titleOf, withoutScheme } from "../jobs/wording.js";
import { messageAddress } from "../jobs/telegram.js";

const ENDS = { completed: "Delivered to Telegram", failed: "Not delivered", cancelled: "Cancelled" };
const JOB = "job:";

const show = (id, title, message) =>
  chrome.notifications.create(id, { type: "basic", iconUrl: chrome.runtime.getURL("icons/128.png"), title, message });

/** A job is over. Told twice, it is shown once. */
export async function tellEnd(view) {
  if (view.status === "cancelled") return;
  const why = view.error && view.status === "failed" ? `\n${sizesInWords(view.error.message)}` : "";
  await show(`${JOB}${view.id}`, ENDS[view.status], `${titleOf(view)}${why}`);
}

/** A page was sent that is under way already. */
export const tellThere = (view) => show(`${JOB}${view.id}`, "Already under way", `${titleOf(view)}\nIt was not sent a second time.`);

/** A page will not be sent. */
export const tellRefused = ({ key, url, problem }) => show(`refused:${key}`, "Not sent", `${withoutScheme(url)}\n${problem.message}`);

/** The tab has nothing that could be sent. */
export const tellNothing = () => show("nothing", "Nothing to send", "Only pages at http and https can be sent.");

/**
 * Return where a click on a notification leads: to the message, or to the list.
 *
 * @param {string} id
 * @param {(jobId: string) => Promise<any>} find
 */
export async function placeOf(id, find) {
  const view = id.startsWith(JOB) ? await find(id.slice(JOB.length)).catch(() => null) : null;
  return (view?.result && messageAddress(view)) ?? chrome.runtime.getURL("popup/popup.html");
}
