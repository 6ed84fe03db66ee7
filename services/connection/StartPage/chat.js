// A chat of one room, as small as it can be: it comes back after a loss, resumes by its position, sends again what was not
// acknowledged, and shows each message once. What people write is put into the page as text, never as HTML.
"use strict";

const byId = (id) => document.getElementById(id);
const form = { who: byId("who"), name: byId("name"), room: byId("room"), say: byId("say"), text: byId("text"), send: byId("send") };
const log = byId("log");
const MAX_LINES = 500;
const STAY_AWAY = 4500; // Close codes from here on say: do not come back.

// One identity for each tab, so that two tabs are two people. It survives a reload.
const userId = sessionStorage.getItem("user_id") ?? `web-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
sessionStorage.setItem("user_id", userId);

let room = null, name = null, socket = null, timer = 0, attempts = 0;
let position = null;            // {epoch, seq} of the newest entry that was shown.
let waiting = new Map();        // client_msg_id -> {content, line}: sent and not yet acknowledged.
let shown = new Map();          // Id of a message on the page -> where its text is.
let typists = new Map();        // user_id -> {username, timer}.
let lastTyping = 0;

function say(state, bad) {
  const status = byId("status");
  status.textContent = state;
  status.className = bad ? "bad" : "";
}

function addLine(kind, parts) {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const line = document.createElement("li");
  line.className = kind;
  for (const [tag, text] of parts) {
    const part = document.createElement(tag);
    part.textContent = text;
    line.append(part);
  }
  log.append(line);
  while (log.children.length > MAX_LINES) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  return line;
}

const note = (text) => addLine("note", [["span", text]]);

function addMessage(message) {
  if (shown.has(message.id)) {
    showChange(message); // A resume shows what was changed meanwhile.
    return;
  }
  const mine = message.user_id === userId;
  if (mine && waiting.has(message.client_msg_id)) {
    waiting.get(message.client_msg_id).line.remove();
    waiting.delete(message.client_msg_id);
  }
  const time = new Date(message.created_at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const line = addLine(mine ? "mine" : "", [["time", time], ["b", message.username || message.user_id], ["span", message.content]]);
  shown.set(message.id, line.lastChild);
  showChange(message);
}

function showChange(message) {
  const text = shown.get(message.id);
  if (text === undefined) return;
  if (message.deleted_at) text.textContent = "(deleted)";
  else if (message.edited_at) text.textContent = `${message.content} (edited)`;
}

function keepPosition(epoch, seq) {
  if (epoch === undefined || seq === undefined) return;
  if (position === null || position.epoch !== epoch || seq > position.seq) position = { epoch, seq };
}

function connect() {
  const query = new URLSearchParams({ user_id: userId, username: name });
  if (position) {
    query.set("last_seq", position.seq);
    query.set("epoch", position.epoch);
  }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  say(attempts ? "Connecting again…" : "Connecting…");
  const opened = new WebSocket(`${scheme}://${location.host}/ws/${encodeURIComponent(room)}?${query}`);
  socket = opened;
  opened.onmessage = (event) => { if (opened === socket) onFrame(JSON.parse(event.data)); };
  opened.onclose = (event) => { if (opened === socket) onClose(event); };
}

function onClose(event) {
  enable(false);
  if (event.code >= STAY_AWAY && event.code < 5000) {
    say(`Closed for good: ${event.reason || event.code}.`, true);
    return;
  }
  if (event.code === 4005) position = null; // The store went back in time: positions are void.
  const delay = Math.random() * Math.min(30000, 1000 * 2 ** attempts++); // Full jitter.
  say(`Connection lost${event.reason ? ` (${event.reason})` : ""}; trying again in ${Math.ceil(delay / 1000)} s.`, true);
  timer = setTimeout(connect, delay);
}

function onFrame(frame) {
  const data = frame.data ?? {};
  switch (frame.type) {
    case "connected":
      onConnected(frame, data);
      break;
    case "message":
      addMessage(data);
      stopTyping(data.user_id);
      keepPosition(frame.epoch, frame.seq);
      break;
    case "message_updated":
    case "message_deleted":
      showChange(data);
      keepPosition(frame.epoch, frame.seq);
      break;
    case "message_sent":
      waiting.get(data.client_msg_id)?.line.classList.remove("waiting");
      break;
    case "user_joined":
      if (data.user_id !== userId) note(`${data.username || data.user_id} came in`);
      break;
    case "user_left":
      note(`${data.username || data.user_id} left`);
      stopTyping(data.user_id);
      break;
    case "typing":
      if (data.is_typing) startTyping(data); else stopTyping(data.user_id);
      break;
    case "gap":
      position = null;
      socket.close(); // Comes back with the newest page.
      break;
    case "reconnect":
      setTimeout(() => socket.close(), (data.delay_ms ?? 0) + Math.random() * (data.jitter_ms ?? 0));
      break;
    case "error":
      onError(frame, data);
      break;
    default:
      keepPosition(frame.epoch, frame.seq); // Entries that this page does not show have a seq, too.
  }
}

function onConnected(frame, data) {
  attempts = 0;
  for (const message of data.history ?? []) addMessage(message);
  const entered = (data.rooms ?? []).find((one) => one.room_id === room);
  const [epoch, seq] = [frame.epoch ?? entered?.epoch, frame.seq ?? entered?.seq];
  if (position?.epoch !== epoch) keepPosition(epoch, seq); // Else what was missed comes next, and moves the position.
  const others = (data.active_users ?? []).filter((user) => user.user_id !== userId).map((user) => user.username || user.user_id);
  say(`Connected to room ${room} as ${name}. ${others.length ? `Here: ${others.join(", ")}.` : "Nobody else is here yet."}`);
  enable(true);
  for (const [id, { content }] of waiting) transmit(id, content); // The server keeps one of each.
}

function onError(frame, data) {
  const refused = waiting.get(frame.ref);
  if (refused && !data.temporary) {
    refused.line.remove();
    waiting.delete(frame.ref);
    form.text.value = form.text.value || refused.content;
  }
  note(`${data.message}${data.retry_after_ms ? ` – try again in ${Math.ceil(data.retry_after_ms / 1000)} s` : ""}`);
}

function enable(on) {
  const had = document.activeElement === form.who.querySelector("button");
  form.text.disabled = form.send.disabled = !on;
  if (on && (had || document.activeElement === document.body)) form.text.focus();
}

const transmit = (id, content) =>
  socket.send(JSON.stringify({ type: "message", content, client_msg_id: id, ref: id }));

function startTyping({ user_id, username }) {
  clearTimeout(typists.get(user_id)?.timer);
  typists.set(user_id, { username: username || user_id, timer: setTimeout(() => stopTyping(user_id), 8000) });
  showTyping();
}

function stopTyping(id) {
  clearTimeout(typists.get(id)?.timer);
  if (typists.delete(id)) showTyping();
}

function showTyping() {
  const names = [...typists.values()].map((one) => one.username);
  byId("typing").textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

form.who.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  const last = socket;
  socket = null; // What it still says is of the room that was left.
  last?.close();
  name = form.name.value.trim();
  room = form.room.value.trim();
  localStorage.setItem("name", name);
  [position, waiting, shown, typists, attempts] = [null, new Map(), new Map(), new Map(), 0];
  log.replaceChildren();
  showTyping();
  connect();
});

form.say.addEventListener("submit", (event) => {
  event.preventDefault();
  const content = form.text.value.trim();
  if (!content || socket?.readyState !== WebSocket.OPEN) return;
  const id = crypto.randomUUID?.() ?? `${userId}-${Date.now()}-${Math.random()}`; // randomUUID is there in secure contexts only.
  waiting.set(id, { content, line: addLine("mine waiting", [["b", name], ["span", content]]) });
  transmit(id, content);
  form.text.value = "";
  lastTyping = 0;
});

form.text.addEventListener("input", () => {
  if (socket?.readyState === WebSocket.OPEN && form.text.value && Date.now() - lastTyping > 2500) {
    lastTyping = Date.now();
    socket.send(JSON.stringify({ type: "typing", is_typing: true }));
  }
});

const asked = new URLSearchParams(location.search);
form.room.value = asked.get("room") || "1";
form.name.value = asked.get("name") || localStorage.getItem("name") || "";
const webSocketUrl = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
byId("socket").textContent = `${webSocketUrl}/ws/1?user_id=1&username=Juan`;
byId("terminal").textContent = location.host === "127.0.0.1:8000" ? "./dev chat 1 --name Ana" : `./dev chat 1 --name Ana --url ${webSocketUrl}`;
if (form.name.value && asked.get("name")) form.who.requestSubmit(); else form.name.focus();
