// API keys: what there is of them, and new ones. A key itself is shown once.

import { confirmed, showForm, showSecret } from "../dom/dialogs.js";
import { byId, element } from "../dom/element.js";
import { agoText, dayText, wholeText } from "../dom/moments.js";
import { call } from "../server/session.js";
import { guarded } from "./guarded.js";

const SCOPES = { "jobs:read": "see jobs", "jobs:write": "send, cancel, retry", "stats:read": "see numbers", admin: "manage users and keys" };
const DAY_S = 86_400;
const LIVES = { "": "until it is removed", 7: "a week", 30: "30 days", 365: "a year" };

/** Show the keys that there are. */
export async function drawKeys() {
  const { keys } = await call("GET", "/api/auth/keys");
  byId("keys").replaceChildren(...keys.map(row));
  byId("no-keys").hidden = keys.length > 0;
  byId("keys-table").hidden = keys.length === 0;
}

function row(key) {
  const name = key.label || key.id;
  return element(
    "tr",
    element("th", { scope: "row" }, key.label || element("span", { class: "faint" }, "without a label")),
    element("td", { "data-label": "User" }, key.user),
    element("td", { "data-label": "May" }, key.scopes.map((scope) => SCOPES[scope] ?? scope).join("; ") || "all that the user may"),
    element("td", { "data-label": "Used" }, key.usedAt ? element("time", { datetime: key.usedAt, title: wholeText(key.usedAt) }, agoText(key.usedAt)) : "never"),
    element("td", { "data-label": "Good until" }, key.expiresAt ? element("time", { datetime: key.expiresAt, title: wholeText(key.expiresAt) }, dayText(key.expiresAt)) : "no end"),
    element("td", { class: "acts" }, element("button", { type: "button", class: "quiet", "aria-label": `Remove ${name}`, click: () => guarded(() => remove(key, name)) }, "Remove")),
  );
}

async function remove(key, name) {
  const isSure = await confirmed({ title: `Remove ${name}?`, text: `Whatever uses this key of ${key.user} is shut out at once.`, yes: "Remove", no: "Keep" });
  if (!isSure) return;
  await call("DELETE", `/api/auth/keys/${encodeURIComponent(key.id)}`);
  await drawKeys();
}

/** Ask for a new key. */
export async function addKey() {
  const { users } = await call("GET", "/api/admin/users");
  const scopes = Object.entries(SCOPES).map(([scope, text]) =>
    element("label", { class: "check" }, element("input", { type: "checkbox", name: "scope", value: scope }), text),
  );
  showForm({
    title: "New API key",
    fields: [
      element("label", "For", element("select", { name: "user" }, ...users.map(({ user }) => element("option", { value: user }, user)))),
      element("label", "What it is for", element("input", { name: "label", maxlength: "100", autocomplete: "off", placeholder: "backup script" })),
      element("fieldset", element("legend", "It may (none chosen: all that the user may)"), ...scopes),
      element("label", "Good for", element("select", { name: "days" }, ...["", "7", "30", "365"].map((days) => element("option", { value: days }, LIVES[days])))),
    ],
    action: "Make the key",
    save: async ({ elements }) => {
      const days = Number(elements.days.value);
      const chosen = [...elements.scope].filter((box) => box.checked).map((box) => box.value);
      const body = {
        user: elements.user.value,
        label: elements.label.value.trim(),
        ...(chosen.length ? { scopes: chosen } : {}),
        ...(days ? { expiresInS: days * DAY_S } : {}),
      };
      const { apiKey } = await call("POST", "/api/auth/keys", { body });
      await drawKeys();
      showSecret({ title: "The new key", text: `It is shown this once. Whoever has it acts as ${body.user}.`, secrets: [["Key", apiKey]] });
    },
  });
}
