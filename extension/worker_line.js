// How a page of the extension speaks with the worker. The worker may die at any time; the next word wakes it.

/** A refusal of the worker's: `code` and `message`. */
export class Refusal extends Error {
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

/**
 * @param {string} command One of worker/commands.js.
 * @param {object} [more]
 * @throws {Refusal}
 */
export async function ask(command, more = {}) {
  const { value, problem } = await chrome.runtime.sendMessage({ command, ...more });
  if (problem) throw new Refusal(problem);
  return value;
}

const REPEAT_MS = 10_000;
const AGAIN_MS = 250;

/**
 * Hear the worker's state for as long as the page lives.
 *
 * @param {(state: any) => void} onState
 * @param {() => void} onLost What was heard last may no longer be true.
 */
export function listen(onState, onLost) {
  const port = chrome.runtime.connect({ name: "popup" });
  const timer = setInterval(() => port.postMessage("look"), REPEAT_MS);
  port.onMessage.addListener(onState);
  port.onDisconnect.addListener(() => {
    clearInterval(timer);
    onLost();
    setTimeout(listen, AGAIN_MS, onState, onLost);
  });
}
