// What the popup and the options page ask the worker to do. They hold no token and no state of their own.

import { serverAddress } from "../gateway/address.js";
import { diagnose } from "../gateway/diagnosis.js";
import { written } from "../gateway/problem.js";
import { account, call, isSignedIn, pair, signOut } from "../gateway/session.js";
import { makeUsual } from "../jobs/usual.js";
import { discard } from "./outbox.js";

/** What sends a live video once more, now as a recording. */
function recordingOf({ pageUrl, maxDuration, ...asked }) {
  const said = Object.entries({ ...asked, maxDurationS: maxDuration, allowLive: true }).filter(([, value]) => value !== null);
  return { url: pageUrl, ...Object.fromEntries(said) };
}

/**
 * Return a listener for chrome.runtime.onMessage that answers `{value}` or `{problem: {code, message}}`.
 *
 * @param {object} parts
 * @param {import("./follower.js").Follower} parts.follower
 * @param {(page: {url: string, referer: string | null, how: import("../jobs/usual.js").How}) => Promise<void>} parts.send
 * @param {() => Promise<void>} parts.flush
 */
export function commands({ follower, send, flush }) {
  const known = {
    send: ({ page }) => send(page),
    discard: async ({ key }) => (await discard(key), follower.attend()),
    cancel: async ({ id }) => follower.take(await call("DELETE", `/api/jobs/${id}`)),
    retry: async ({ id, allowDuplicateDelivery }) => follower.take(await call("POST", `/api/jobs/${id}/retry`, { body: { allowDuplicateDelivery } })),
    record: async ({ videoData }) => follower.take(await call("POST", "/api/jobs", { body: recordingOf(videoData) })),
    me: () => call("GET", "/api/auth/me"),
    account: async () => ({ ...(await account()), refreshToken: undefined, isSignedIn: await isSignedIn() }),
    pair: async ({ server, code }) => {
      await pair(serverAddress(server), code);
      // The chats of another user or another gateway are others.
      await makeUsual({});
      await follower.restart();
      await flush();
    },
    "sign-out": async () => (await signOut(), follower.restart()),
    sessions: async () => (await call("GET", "/api/auth/sessions")).sessions,
    "end-session": ({ id }) => call("DELETE", `/api/auth/sessions/${id}`),
    diagnose: async ({ server }) => {
      const address = serverAddress(server);
      return diagnose(address, (await account())?.server === address);
    },
  };
  return (message, _sender, answer) => {
    const work = known[message.command];
    if (!work) return false;
    work(message).then((value) => answer({ value: value ?? null }), (error) => answer({ problem: written(error) }));
    return true;
  };
}
