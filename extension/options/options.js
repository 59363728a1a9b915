// The place to set up: which gateway, who, and why it does not work if it does not.

import { originPattern, serverAddress } from "../gateway/address.js";
import { useHowFields } from "../jobs/how_fields.js";
import { sentence } from "../jobs/wording.js";
import { ask } from "../worker_line.js";
import { showChecks } from "./checks.js";
import { showSessions } from "./sessions.js";

const byId = (id) => document.getElementById(id);

async function guarded(button, work) {
  byId("problem").textContent = "";
  button.disabled = true;
  try {
    await work();
  } catch (problem) {
    byId("problem").textContent = sentence(problem);
  } finally {
    button.disabled = false;
  }
}

/** Ask the browser for that one origin. A gateway that allows this extension's origin works without: a no is no obstacle. */
const askForOrigin = (server) => chrome.permissions.request({ origins: [originPattern(server)] });

async function show() {
  const { server, user, isSignedIn } = await ask("account");
  if (server) byId("server").value = server;
  byId("signed-in").textContent = isSignedIn ? `Signed in as ${user}` : "Not signed in";
  byId("signed-in").dataset.state = isSignedIn ? "live" : "signed-out";
  byId("sign-ins").hidden = !isSignedIn;
  byId("usual").hidden = !isSignedIn;
  if (isSignedIn) await Promise.all([showSessions(show), useHowFields(() => {})]);
}

byId("pairing").onsubmit = (event) => {
  event.preventDefault();
  guarded(event.submitter, async () => {
    showChecks([]);
    const server = serverAddress(byId("server").value);
    await askForOrigin(server);
    await ask("pair", { server, code: byId("code").value });
    byId("code").value = "";
    await show();
    await test();
  });
};

async function test() {
  byId("testing").hidden = false;
  await tested().finally(() => (byId("testing").hidden = true));
}

async function tested() {
  showChecks(await ask("diagnose", { server: byId("server").value }));
}

byId("test").onclick = (event) => {
  if (!byId("server").reportValidity()) return;
  guarded(event.currentTarget, async () => {
    // While the browser asks, the last result says nothing of this test.
    showChecks([]);
    await askForOrigin(serverAddress(byId("server").value));
    await test();
  });
};

byId("sign-out").onclick = (event) => guarded(event.currentTarget, async () => {
  await ask("sign-out");
  await show();
});

guarded(byId("test"), show);
