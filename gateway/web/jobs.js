// The list of jobs: state in, rows out. What is older than what is shown is ignored.

const jobs = new Map(); // id -> {view, row, progress}
const list = document.getElementById("jobs");
const template = document.getElementById("job");
const announcement = document.getElementById("announcement");
const NAMES = { queued: "Waiting", processing: "Running", completed: "Delivered", failed: "Failed", cancelled: "Cancelled" };

let actions = { cancel() {}, retry() {} };
export const useActions = (given) => (actions = given);

export function clearJobs() {
  jobs.clear();
  list.replaceChildren();
  showEmpty();
}

export function showJob(view) {
  const known = jobs.get(view.id);
  if (known && known.view.version > view.version) return;
  const entry = known ?? addRow(view);
  const statusChanged = entry.view?.status !== view.status;
  entry.view = view;
  draw(entry);
  if (known && statusChanged) announcement.textContent = `${title(view)}: ${NAMES[view.status]}`;
}

export function showProgress(message) {
  const entry = jobs.get(message.jobId);
  if (!entry || entry.view.version > message.version || entry.view.result) return;
  const { progress, stage, version, attempt } = message;
  entry.view = { ...entry.view, status: "processing", progress, stage, version, attempt, message: message.message };
  entry.speed = message.speedBps;
  entry.eta = message.etaSeconds;
  draw(entry);
}

function addRow(view) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.querySelector(".cancel").onclick = () => actions.cancel(view.id);
  row.querySelector(".retry").onclick = () => retry(entry.view);
  const entry = { row, view: null, addedAt: view.addedAt };
  const after = [...jobs.values()].filter((other) => other.addedAt < entry.addedAt).sort((a, b) => (a.addedAt < b.addedAt ? 1 : -1))[0];
  list.insertBefore(row, after?.row ?? null);
  jobs.set(view.id, entry);
  showEmpty();
  return entry;
}

// Whether the message arrived is not known: only a person who looked at the chat can say that a second one is right.
function retry(view) {
  const isUnknown = view.error?.code === "DELIVERY_UNKNOWN";
  const question = "This video may already be in the chat: Telegram may have taken it. Look there first.\n\nSend it again, even if it then arrives twice?";
  if (!isUnknown || confirm(question)) actions.retry(view.id, isUnknown);
}

function showEmpty() {
  document.getElementById("empty").hidden = jobs.size > 0;
}

const page = (view) => view.videoData.pageUrl.replace(/^https?:\/\//, "");
const title = (view) => view.result?.metadata.title ?? view.videoData.pageUrl;

function draw({ row, view, speed, eta }) {
  const isOver = view.result !== null;
  row.dataset.status = view.status;
  row.querySelector("strong").textContent = title(view);
  row.querySelector(".status").textContent = view.status === "processing" ? `${Math.round(view.progress)} %` : NAMES[view.status];
  const bar = row.querySelector("progress");
  bar.hidden = isOver;
  bar.value = view.progress;
  bar.setAttribute("aria-label", `Progress of ${title(view)}`);
  row.querySelector(".source").textContent = title(view) === view.videoData.pageUrl ? "" : page(view);
  const isWrong = view.error && (view.status === "failed" || view.status === "queued");
  row.querySelector(".message").textContent = isWrong ? "" : line(view);
  row.querySelector(".error").textContent = isWrong ? `${view.error.code}: ${view.error.message}` : "";
  row.querySelector(".detail").textContent = detail(view, speed, eta);
  row.querySelector(".cancel").hidden = isOver;
  row.querySelector(".cancel").disabled = view.cancelRequested;
  row.querySelector(".retry").hidden = view.status !== "failed" && view.status !== "cancelled";
}

function line(view) {
  if (view.status === "completed" && view.cancelRequested) return view.message;
  if (view.status === "completed") return `Delivered in ${(view.result.processingTime / 1000).toFixed(1)} s`;
  return view.message;
}

function detail(view, speed, eta) {
  const parts = [];
  const media = view.result?.metadata;
  if (view.status === "queued" && view.nextAttemptAt) {
    parts.push(`attempt ${view.attempt} of ${view.maxAttempts} failed`, `next at ${new Date(view.nextAttemptAt).toLocaleTimeString()}`);
  } else if (view.attempt > 1) parts.push(`attempt ${view.attempt} of ${view.maxAttempts}`);
  if (media?.width) parts.push(`${media.width} × ${media.height}`);
  if (media?.size) parts.push(megabytes(media.size));
  if (view.result?.telegramMessageId) parts.push(`message ${view.result.telegramMessageId}`);
  if (!view.result && view.status === "processing" && speed) parts.push(`${megabytes(speed)}/s`);
  if (!view.result && view.status === "processing" && eta) parts.push(`${eta} s left`);
  return parts.join(" · ");
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
