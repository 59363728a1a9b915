// The dashboard, put together from its parts.

import { showSignIns } from "./account/sign_ins.js";
import { signInByAddress, useSignInForm } from "./account/sign_in_form.js";
import { hideAdmin, showAdmin, useAdmin } from "./admin/admin.js";
import { isOld, showConnection } from "./connection.js";
import { byId, setAttribute, setText } from "./dom/element.js";
import { Actions } from "./jobs/actions.js";
import { Announcer } from "./jobs/announcer.js";
import { Board } from "./jobs/board.js";
import { Detail } from "./jobs/detail.js";
import { Filters } from "./jobs/filters.js";
import { JobTable } from "./jobs/job_table.js";
import { Older } from "./jobs/older.js";
import { Chart } from "./numbers/chart.js";
import { Numbers } from "./numbers/numbers.js";
import { SendForm } from "./send/form.js";
import { Follower } from "./server/follower.js";
import { sentence } from "./server/request.js";
import { call, forget, isSignedIn, mayUse, signOut, userName, whenEnded } from "./server/session.js";

const board = new Board({
  changed(entry, before) {
    table.changed(entry);
    detail.changed(entry);
    chart.draw();
    if (entry.view.owner === userName()) announcer.changed(entry, before);
  },
  removed(id) {
    table.removed(id);
    detail.removed(id);
    chart.draw();
  },
});
const put = (view) => board.put(view);
const actions = new Actions(put);
const detail = new Detail(actions);
const announcer = new Announcer();
const chart = new Chart(() => board.all());
const numbers = new Numbers();
const form = new SendForm((view, isThere) => {
  put(view);
  table.reveal(view, isThere);
});
const older = new Older(put);
const table = new JobTable({ act, user: userName, filters: new Filters(), entries: () => board.all() });
const follower = new Follower({
  message(message) {
    if (message.type === "job:progress") board.progress(message);
    else board.put(message.job, message.timestamp);
  },
  jobs(jobs, about) {
    board.fill(jobs, about);
    older.after(about);
  },
  unfinished: (status, jobs, about) => board.unfinished(status, jobs, about),
  queue: (stats) => numbers.queue(stats),
  memory: (stats) => numbers.memory(stats),
  state(state, why) {
    numbers.isStill = isOld(state);
    if (!isOld(state)) form.reached();
    showConnection(state, why);
    // Who is signed in is known from the first answer on.
    if (userName() !== null) showAccount();
  },
  signedOut: leave,
});

async function act(name, view) {
  setText(byId("list-error"), "");
  try {
    await actions[name](view);
  } catch (problem) {
    setText(byId("list-error"), sentence(problem));
  }
}

function showAccount() {
  setText(byId("account"), userName());
  byId("account").hidden = false;
  byId("admin-link").hidden = !mayUse("admin");
  setText(byId("chart-title"), mayUse("admin") ? "Last 30 minutes" : "Yours, last 30 minutes");
}

function enter() {
  byId("sign-in").hidden = true;
  byId("work").hidden = byId("pause").hidden = byId("views").hidden = false;
  follower.start();
  // Without them the field can be typed into all the same.
  form.offerChats().catch(() => {});
  route();
  if (byId("jobs-view").hidden === false && !location.hash.startsWith("#job=")) form.focus();
}

function leave() {
  follower.stop();
  hideAdmin();
  forget();
  board.clear();
  older.clear();
  // A dialog that closes gives the focus back to what opened it, which is about to be hidden.
  document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
  form.clear();
  showConnection("signed-out", "");
  showPaused(false);
  for (const id of ["work", "pause", "views", "account", "admin-link", "numbers"]) byId(id).hidden = true;
  byId("sign-in").hidden = false;
  byId("secret").focus();
}

function showPaused(isPaused) {
  setText(byId("pause"), isPaused ? "Resume" : "Pause");
  setAttribute(byId("pause"), "aria-pressed", isPaused);
}

byId("pause").addEventListener("click", () => {
  if (follower.isPaused) follower.resume();
  else follower.pause();
  showPaused(follower.isPaused);
});
byId("account").addEventListener("click", () => {
  const place = byId(byId("jobs-view").hidden ? "admin-error" : "list-error");
  setText(place, "");
  showSignIns(() => signOut().catch(() => {}).finally(leave)).catch((problem) => setText(place, sentence(problem)));
});
addEventListener("hashchange", route);
// Another tab signed out: this one as well.
addEventListener("storage", () => isSignedIn() || leave());
whenEnded(leave);
useAdmin();
useSignInForm(enter);

async function route() {
  if (!isSignedIn()) return;
  const [view, id] = location.hash.slice(1).split("=");
  const isAdmin = view === "admin";
  byId("jobs-view").hidden = isAdmin;
  byId("admin-view").hidden = !isAdmin;
  setAttribute(byId("jobs-link"), "aria-current", isAdmin ? null : "page");
  setAttribute(byId("admin-link"), "aria-current", isAdmin ? "page" : null);
  document.title = isAdmin ? "Admin · clipferry" : "clipferry";
  if (isAdmin) return showAdmin();
  hideAdmin();
  if (view === "job") return openJob(id);
  detail.close();
}

async function openJob(id) {
  setText(byId("list-error"), "");
  try {
    if (!board.get(id)) put(await call("GET", `/api/jobs/${encodeURIComponent(id)}`));
    detail.open(board.get(id));
  } catch (problem) {
    setText(byId("list-error"), sentence(problem));
  }
}

await signInByAddress();
byId("loading").hidden = true;
if (isSignedIn()) enter();
else leave();
