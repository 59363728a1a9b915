// What goes wrong in the admin's view is said above its tables.

import { byId, setText } from "../dom/element.js";
import { sentence } from "../server/request.js";

/** Do `work`, and say why it did not work, if so. @param {() => unknown} work */
export async function guarded(work) {
  setText(byId("admin-error"), "");
  try {
    await work();
  } catch (problem) {
    setText(byId("admin-error"), sentence(problem));
  }
}
