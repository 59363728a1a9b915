// What a tab plays. Needs the person's click, shortcut or menu on that tab (activeTab).

import { candidatesOf } from "./candidates.js";
import { lookAround } from "./look.js";

/**
 * @param {chrome.tabs.Tab} tab
 * @returns {Promise<import("./candidates.js").Candidate[]>} Empty: nothing in it can be sent.
 */
export async function candidatesIn(tab) {
  return candidatesOf(tab.url ?? "", await framesOf(tab.id));
}

async function framesOf(tabId) {
  try {
    const results = await chrome.scripting.executeScript({ target: { tabId, allFrames: true }, func: lookAround });
    return results.map(({ result }) => result).filter(Boolean);
  } catch {
    // The browser's own pages, its store, a PDF: the address alone is known.
    return [];
  }
}
