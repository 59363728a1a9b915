// Pairing codes that nobody has used: whom each lets in, until when. The code itself was shown once.

import { byId, element } from "../dom/element.js";
import { wholeText } from "../dom/moments.js";
import { call } from "../server/session.js";
import { guarded } from "./guarded.js";

let drawn = "";

/** Show the codes that there are. */
export async function drawCodes() {
  const { codes } = await call("GET", "/api/auth/pair");
  const key = JSON.stringify(codes);
  if (key === drawn) return;
  drawn = key;
  byId("codes").replaceChildren(...codes.map(row));
  byId("no-codes").hidden = codes.length > 0;
  byId("codes-table").hidden = codes.length === 0;
}

function row({ id, user, createdAt, expiresAt }) {
  const takeBack = () => guarded(() => call("DELETE", `/api/auth/pair/${encodeURIComponent(id)}`).then(drawCodes));
  return element(
    "tr",
    element("th", { scope: "row" }, user),
    element("td", { "data-label": "Made" }, element("time", { datetime: createdAt }, wholeText(createdAt))),
    element("td", { "data-label": "Good until" }, element("time", { datetime: expiresAt }, wholeText(expiresAt))),
    element("td", { class: "acts" }, element("button", { type: "button", class: "quiet", "aria-label": `Take back the code of ${user}`, click: takeBack }, "Take back")),
  );
}
