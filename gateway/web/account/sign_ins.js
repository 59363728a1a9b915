// Where the person is signed in: each can be ended, as can all at once.

import { element } from "../dom/element.js";
import { showForm } from "../dom/dialogs.js";
import { agoText, wholeText } from "../dom/moments.js";
import { sentence } from "../server/request.js";
import { call, userName } from "../server/session.js";

/** Show the sign-ins. @param {() => void} signOut Ends this one. */
export async function showSignIns(signOut) {
  const list = element("ul", { class: "sign-ins" });
  const draw = async () => {
    const { sessions } = await call("GET", "/api/auth/sessions");
    list.replaceChildren(...sessions.map((session) => line(session, draw)));
  };
  await draw();
  const everywhere = (event) => guarded(event, () => call("DELETE", "/api/auth/sessions").then(signOut));
  showForm({
    title: `Signed in as ${userName()}`,
    fields: [list],
    more: [element("button", { type: "button", class: "quiet danger", click: everywhere }, "Sign out everywhere")],
    action: "Sign out",
    save: async () => signOut(),
  });
}

function line({ id, client, createdAt, refreshedAt, current }, draw) {
  const name = clientName(client);
  const end = element("button", { type: "button", class: "quiet", "aria-label": `End ${name}`, click: (event) => guarded(event, () => call("DELETE", `/api/auth/sessions/${id}`).then(draw)) }, "End");
  return element(
    "li",
    element("span", element("strong", current ? `${name} · this one` : name), element("span", { class: "faint", title: wholeText(createdAt) }, `since ${agoText(createdAt)}, last used ${agoText(refreshedAt)}`)),
    ...(current ? [] : [end]),
  );
}

async function guarded({ target }, work) {
  const problem = target.closest("form").querySelector(".problem");
  problem.textContent = "";
  await work().catch((failed) => (problem.textContent = sentence(failed)));
}

// What a browser calls itself names all its ancestors; the last but one names it.
function clientName(client) {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\/(\d+)/.exec(client.replace(/Headless/, ""));
  const system = /(Windows|Android|iPhone|iPad|Mac OS|Linux)/.exec(client)?.[1];
  if (!browser) return client.split(" ")[0] || "An unnamed program";
  const name = { Edg: "Edge", OPR: "Opera" }[browser[1]] ?? browser[1];
  return system ? `${name} on ${system}` : name;
}
