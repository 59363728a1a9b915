// The fields of a page by which somebody says how things are sent. What is chosen is kept.

import { ask } from "../worker_line.js";
import { makeUsual, usual } from "./usual.js";

const byId = (id) => document.getElementById(id);
const NAMES = { default: "", "*": "" };

/** Return what the fields say now. @returns {import("./usual.js").How} */
export function how() {
  const destination = byId("chat").value.trim();
  return { ...(destination && { destination }), ...(byId("sound").checked && { kind: "audio" }) };
}

/** Show what was chosen last, and offer the chats that this user may send to. @param {() => void} onChange */
export async function useHowFields(onChange) {
  const kept = await usual();
  byId("chat").value = kept.destination ?? "";
  byId("sound").checked = kept.kind === "audio";
  const keep = async () => {
    await makeUsual(how());
    onChange();
  };
  byId("chat").onchange = byId("sound").onchange = keep;
  onChange();
  const { chats } = await ask("me").catch(() => ({ chats: [] }));
  const named = chats.filter((chat) => !(chat in NAMES));
  byId("chats").replaceChildren(...named.map((chat) => Object.assign(document.createElement("option"), { value: chat })));
}
