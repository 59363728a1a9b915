// The sign-ins of the user, here and elsewhere, each with a way to end it.

import { ask } from "../worker_line.js";

/** @param {() => Promise<void>} onEnded */
export async function showSessions(onEnded) {
  const sessions = await ask("sessions");
  document.getElementById("sessions").replaceChildren(...sessions.map((session) => row(session, onEnded)));
}

const moment = (iso) => new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

function row({ id, client, createdAt, refreshedAt, current }, onEnded) {
  const item = document.getElementById("session").content.firstElementChild.cloneNode(true);
  item.querySelector(".who").textContent = current ? `This browser` : nameOf(client);
  item.querySelector(".when").textContent = `since ${moment(createdAt)}, last used ${moment(refreshedAt)}`;
  const button = item.querySelector("button");
  button.hidden = current;
  button.setAttribute("aria-label", `End: ${nameOf(client)}, since ${moment(createdAt)}`);
  button.onclick = async () => {
    button.disabled = true;
    await ask("end-session", { id }).catch(() => null);
    await onEnded();
  };
  return item;
}

/** What people know of a User-Agent, as the gateway's page says it: browsers name all their ancestors in it. */
export function nameOf(client) {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\/(\d+)/.exec(client.replace(/Headless/, ""));
  const system = /(Windows|Android|iPhone|iPad|Mac OS|Linux)/.exec(client)?.[1];
  if (!browser) return client.split(" ")[0] || "An unnamed program";
  const name = { Edg: "Edge", OPR: "Opera" }[browser[1]] ?? browser[1];
  return system ? `${name} on ${system}` : name;
}
