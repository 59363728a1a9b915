// What an admin sees beside the jobs: users with their chats, keys, codes, and the processors.

import { byId } from "../dom/element.js";
import { drawCodes } from "./codes.js";
import { guarded } from "./guarded.js";
import { addKey, drawKeys } from "./keys.js";
import { drawProcessors } from "./processors.js";
import { addUser, drawUsers } from "./users.js";

/** Codes are used and processors come and go while somebody looks. */
const LOOK_MS = 5_000;
let timer = null;

/** Let the buttons of the view work. */
export function useAdmin() {
  byId("add-user").addEventListener("click", addUser);
  byId("add-key").addEventListener("click", () => guarded(addKey));
}

/** Show how it is now, and of what changes by itself how it goes on. */
export function showAdmin() {
  hideAdmin();
  timer = setInterval(() => document.hidden || Promise.all([drawCodes(), drawProcessors()]).catch(() => {}), LOOK_MS);
  return guarded(() => Promise.all([drawUsers(), drawKeys(), drawCodes(), drawProcessors()]));
}

/** Nobody looks any more. */
export const hideAdmin = () => clearInterval(timer);
