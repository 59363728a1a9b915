// The door: a key or a pairing code, typed or in the address.

import { byId, setText } from "../dom/element.js";
import { sentence } from "../server/request.js";
import { signIn } from "../server/session.js";

async function guarded(work) {
  setText(byId("sign-in-error"), "");
  try {
    await work();
  } catch (problem) {
    setText(byId("sign-in-error"), sentence(problem));
  }
}

/** @param {() => void} enter Called when somebody is in. */
export function useSignInForm(enter) {
  byId("sign-in-form").addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(async () => {
      await signIn(byId("secret").value.trim());
      byId("secret").value = "";
      enter();
    });
  });
}

/** Sign in with the code of an invitation's address, if it holds one. */
export async function signInByAddress() {
  const pair = new URLSearchParams(location.hash.slice(1)).get("pair");
  if (!pair) return;
  // The code is of no use a second time; it does not stay in the address either.
  history.replaceState(null, "", location.pathname);
  await guarded(() => signIn(pair));
}
