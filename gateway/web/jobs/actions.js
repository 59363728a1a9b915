// What a person can do to a job.

import { confirmed } from "../dom/dialogs.js";
import { call } from "../server/session.js";

const isLiveUnasked = ({ status, error, videoData }) => status === "failed" && error?.code === "LIVE" && !videoData.allowLive;

/** Whether the same once more may end otherwise; whether a message arrived, a person can see. */
const isMendable = (error) => !error || error.retryable || error.code === "DELIVERY_UNKNOWN";

/** Which of them a job allows now. @param {import("../types.js").Job} view */
export const allowed = (view) => ({
  cancel: !view.result,
  finish: view.videoData.allowLive && view.status === "processing" && view.stage !== "sending",
  record: isLiveUnasked(view),
  retry: view.status === "cancelled" || (view.status === "failed" && isMendable(view.error)),
});

export class Actions {
  #put;

  /** @param {(view: import("../types.js").Job) => void} put Takes over how the job stands afterwards. */
  constructor(put) {
    this.#put = put;
  }

  async cancel(view) {
    this.#put(await call("DELETE", `/api/jobs/${view.id}`));
  }

  async finish(view) {
    this.#put(await call("POST", `/api/jobs/${view.id}/finish`));
  }

  /** Send a live video once more, now as a recording. */
  async record({ videoData }) {
    const { pageUrl, maxDuration, ...asked } = videoData;
    const said = Object.entries({ ...asked, maxDurationS: maxDuration, allowLive: true }).filter(([, value]) => value !== null);
    this.#put(await call("POST", "/api/jobs", { body: { url: pageUrl, ...Object.fromEntries(said) } }));
  }

  // Whether the message arrived is not known: only a person who looked at the chat can say that a second one is right.
  async retry(view) {
    const isUnknown = view.error?.code === "DELIVERY_UNKNOWN";
    const question = {
      title: "Send it again?",
      text: "This video may already be in the chat: Telegram may have taken it. Look there first.",
      yes: "Send it, even if it then arrives twice",
    };
    if (isUnknown && !(await confirmed(question))) return;
    this.#put(await call("POST", `/api/jobs/${view.id}/retry`, { body: { allowDuplicateDelivery: isUnknown } }));
  }
}
