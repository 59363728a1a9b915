// Shows what the stand-in has accepted, newest first. A message that is on the page is not touched again, so that a
// video goes on playing while others arrive; only an edited text is replaced.

const POLL_MS = 1000;
const list = document.querySelector("#messages");
const template = document.querySelector("#message");
const status = document.querySelector("#status");
const cards = new Map();

const size = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

function player(file) {
  const kind = file.mime_type.split("/")[0];
  if (kind !== "video" && kind !== "audio") {
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.name;
    link.textContent = file.name;
    return link;
  }
  const element = document.createElement(kind);
  element.src = file.url;
  element.controls = true;
  element.preload = "metadata";
  if (kind === "video") {
    element.playsInline = true;
    if (file.thumbnail_bytes) element.poster = file.url.replace("media", "thumbnail");
  }
  return element;
}

function facts(message) {
  const { file, fields } = message;
  if (!file) return [];
  const rows = [["File", file.name], ["Size", `${size.format(file.size_bytes / 1e6)} MB`]];
  if (fields.width) rows.push(["Picture", `${fields.width} × ${fields.height}`]);
  if (fields.duration) rows.push(["Length", `${fields.duration} s`]);
  if (file.moov_before_mdat !== null) {
    rows.push(["Streams", file.moov_before_mdat ? "from the first byte" : "only once loaded", file.moov_before_mdat]);
  }
  rows.push(["Decodes", file.decoded ? "to its end" : "not checked", file.decoded]);
  const picture = `${file.thumbnail_width} × ${file.thumbnail_height}, ${size.format(file.thumbnail_bytes / 1e3)} kB`;
  rows.push(["Thumbnail", file.thumbnail_bytes ? picture : "none"]);
  rows.push(["SHA-256", file.sha256.slice(0, 16)]);
  return rows;
}

function card(message) {
  const element = template.content.cloneNode(true).firstElementChild;
  if (message.file) element.querySelector(".media").append(player(message.file));
  for (const [name, value, isGood] of facts(message)) {
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    if (isGood !== undefined) detail.className = isGood ? "good" : "bad";
    element.querySelector(".facts").append(term, detail);
  }
  element.querySelector(".chat").textContent = `${message.method} · chat ${message.chat_id} · #${message.message_id}`;
  const time = element.querySelector("time");
  time.dateTime = new Date(message.received_at_ms).toISOString();
  time.textContent = new Date(message.received_at_ms).toLocaleTimeString();
  return element;
}

function show(messages) {
  const numbers = new Set(messages.map((message) => message.number));
  for (const [number, element] of cards) {
    if (numbers.has(number)) continue;
    element.remove();
    cards.delete(number);
  }
  for (const message of messages) {
    if (!cards.has(message.number)) {
      cards.set(message.number, card(message));
      list.prepend(cards.get(message.number));
    }
    const text = message.fields.text ?? message.fields.caption ?? "";
    const line = cards.get(message.number).querySelector(".text");
    if (line.textContent !== text) line.textContent = text;
  }
  const count = messages.length;
  status.textContent = count ? `${count} message${count === 1 ? "" : "s"}, kept in memory` : "Waiting for a message…";
}

async function poll() {
  try {
    const answer = await fetch("/sandbox/messages");
    show((await answer.json()).messages);
  } catch {
    status.textContent = "The sandbox has stopped.";
  }
  setTimeout(poll, POLL_MS);
}

poll();
