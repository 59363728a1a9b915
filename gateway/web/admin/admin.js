// What an admin sees beside the jobs: users with their chats, and keys.

import { byId } from "../dom/element.js";
import { guarded } from "./guarded.js";
import { addKey, drawKeys } from "./keys.js";
import { addUser, drawUsers } from "./users.js";

/** Let the buttons of the view work. */
export function useAdmin() {
  byId("add-user").addEventListener("click", addUser);
  byId("add-key").addEventListener("click", () => guarded(addKey));
}

/** Show how it is now. */
export const showAdmin = () => guarded(() => Promise.all([drawUsers(), drawKeys()]));
