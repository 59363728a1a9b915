// Users: who there is, what they may do, to which chats they may send, and how they get in.

import { confirmed, showForm, showSecret } from "../dom/dialogs.js";
import { byId, element } from "../dom/element.js";
import { dayText, wholeText } from "../dom/moments.js";
import { addressOf } from "../server/request.js";
import { call, userName } from "../server/session.js";
import { drawCodes } from "./codes.js";
import { guarded } from "./guarded.js";

const userPath = (user) => `/api/admin/users/${encodeURIComponent(user)}`;
const CHAT_NAMES = { default: "the default chat", "*": "any chat" };
const CHATS_HELP = "One a line: a chat id, an @name, “default” for the operator's chat, “*” for any.";

/** Show the users that there are. */
export async function drawUsers() {
  const { users } = await call("GET", "/api/admin/users");
  byId("users").replaceChildren(...users.map(row));
}

function row(user) {
  const chats = user.role === "admin" ? ["*"] : user.chats;
  const button = (label, click) => element("button", { type: "button", class: "quiet", "aria-label": `${label} ${user.user}`, click: () => guarded(click) }, label);
  return element(
    "tr",
    { "data-enabled": String(user.enabled) },
    element("th", { scope: "row" }, user.user, ...(user.user === userName() ? [element("span", { class: "faint" }, " · you")] : [])),
    element("td", { "data-label": "Role" }, user.role),
    element("td", { "data-label": "Sends to" }, chats.map((chat) => CHAT_NAMES[chat] ?? chat).join(", ") || "nowhere"),
    element("td", { "data-label": "May come in" }, user.enabled ? "yes" : "no, shut out"),
    element("td", { "data-label": "Since" }, element("time", { datetime: user.createdAt, title: wholeText(user.createdAt) }, dayText(user.createdAt))),
    element("td", { class: "acts" }, button("Invite", () => invite(user.user)), button("Change", () => change(user))),
  );
}

async function invite(user) {
  const { pairingCode, expiresAt, link } = await call("POST", "/api/auth/pair", { body: { user } });
  await drawCodes();
  showSecret({
    title: `Let ${user} in`,
    text: `Either of these signs in once, until ${wholeText(expiresAt)}.`,
    secrets: [["Code", pairingCode], ["Link", addressOf(link).href]],
  });
}

const select = (name, label, options, value) => {
  const made = element("select", { name }, ...options.map((option) => element("option", { value: option }, option)));
  made.value = value;
  return element("label", label, made);
};

function chatsField(chats) {
  const field = element("textarea", { name: "chats", rows: "3", spellcheck: "false", "aria-describedby": "chats-help" });
  field.value = chats.join("\n");
  return element("label", "Chats", field, element("span", { class: "faint", id: "chats-help" }, CHATS_HELP));
}

const chatsOf = (form) => form.elements.chats.value.split(/[\s,]+/).filter(Boolean);

function change(user) {
  const isOneself = user.user === userName();
  const enabled = element("input", { type: "checkbox", name: "enabled" });
  enabled.checked = user.enabled;
  const remove = element("button", { type: "button", class: "quiet danger" }, "Remove");
  const dialog = showForm({
    title: `Change ${user.user}`,
    fields: [
      chatsField(user.chats),
      ...(isOneself ? [] : [select("role", "Role", ["user", "admin"], user.role), element("label", { class: "check" }, enabled, "May come in")]),
    ],
    more: isOneself ? [] : [remove],
    action: "Save",
    save: async ({ elements }) => {
      const chats = chatsOf({ elements });
      await call("PATCH", userPath(user.user), { body: isOneself ? { chats } : { chats, role: elements.role.value, enabled: elements.enabled.checked } });
      await drawUsers();
    },
  });
  remove.addEventListener("click", async () => {
    const isSure = await confirmed({ title: `Remove ${user.user}?`, text: "The keys and sign-ins end at once. The jobs stay.", yes: "Remove", no: "Keep" });
    if (!isSure) return;
    dialog.close();
    await guarded(() => call("DELETE", userPath(user.user)).then(drawUsers));
  });
}

/** Ask for a new user. */
export function addUser() {
  showForm({
    title: "Add a user",
    fields: [
      element("label", "Name", element("input", { name: "user", required: true, maxlength: "64", autocomplete: "off", autocapitalize: "none", spellcheck: "false" })),
      select("role", "Role", ["user", "admin"], "user"),
      chatsField(["default"]),
    ],
    action: "Add",
    save: async (form) => {
      const user = form.elements.user.value.trim();
      await call("POST", "/api/admin/users", { body: { user, role: form.elements.role.value, chats: chatsOf(form) } });
      await drawUsers();
      await invite(user);
    },
  });
}
