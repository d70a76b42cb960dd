// What a person does to an incident. Each tap gets a key of its own, and every
// further try of that tap carries the same key, so that it acts once however
// bad the line is. Without this script the same forms post as forms.

import { say } from "./strings.js";

const tries = [0, 700, 2000]; // ms to wait before each try
const patience = 8000; // ms for one try
const taps = new WeakMap(); // form → {key, body, url} of a tap that has not succeeded

/** Handles every form[data-act] of the page; onDone refreshes it. */
export function start(onDone) {
  document.addEventListener("submit", (e) => {
    const form = e.target;
    if (!form.matches("form[data-act]")) return;
    e.preventDefault();
    submit(form, onDone);
  });
  document.addEventListener("click", (e) => {
    const opener = e.target.closest("[data-open-resolve]");
    if (opener && openResolve(opener)) e.preventDefault();
    if (e.target.closest("[data-close]")) e.target.closest("dialog").close();
  });
}

function openResolve(opener) {
  const dialog = document.getElementById("resolve-dialog");
  if (!dialog?.showModal) return false; // the link leads to a page with the form
  const card = opener.closest("[data-incident]");
  const form = dialog.querySelector("form");
  if (form.dataset.incident !== opener.dataset.openResolve) form.reset();
  form.dataset.incident = opener.dataset.openResolve;
  status(form, "");
  const parts = [card.querySelector("h2"), card.querySelector(".way"), card.querySelector(".room")];
  dialog.querySelector("[data-resolve-what]").textContent = parts.map((p) => p?.textContent.trim()).filter(Boolean).join(" · ");
  dialog.showModal();
  return true;
}

async function submit(form, onDone) {
  const button = form.querySelector("button:not([data-close])");
  if (button.getAttribute("aria-busy") === "true") return;
  const fields = new FormData(form);
  const body = {};
  for (const name of ["outcome", "note"]) if (fields.get(name)) body[name] = fields.get(name);
  if (form.dataset.act === "resolve" && !body.outcome) return status(form, say("chooseOne"), "bad");

  button.setAttribute("aria-busy", "true");
  status(form, say("working"));
  const result = await send(tap(form, JSON.stringify(body)));
  button.removeAttribute("aria-busy");

  if (result === "ok" || result === "conflict") taps.delete(form);
  if (result === "ok") {
    status(form, "");
    form.closest("dialog")?.close();
    form.reset();
  } else {
    status(form, say(result), "bad");
  }
  if (result === "ok" || result === "conflict") onDone(form.dataset.incident);
}

// The same content keeps its key until it has gone through.
function tap(form, body) {
  const url = `/api/v1/incidents/${encodeURIComponent(form.dataset.incident)}/${form.dataset.act}`;
  let t = taps.get(form);
  if (!t || t.body !== body || t.url !== url) {
    t = { key: newKey(), body, url };
    taps.set(form, t);
  }
  return t;
}

// crypto.randomUUID needs https, which a hub on a local network may not have.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// ok, or the key of the text that says what went wrong.
async function send({ url, key, body }) {
  for (const wait of tries) {
    await new Promise((done) => setTimeout(done, wait));
    try {
      const answer = await fetch(url, {
        method: "POST", body, signal: AbortSignal.timeout(patience),
        headers: { "Content-Type": "application/json", "Idempotency-Key": key },
      });
      if (answer.ok) return "ok";
      if (answer.status === 409) return "conflict";
      if (answer.status === 401) return "signedOut";
      if (answer.status === 403) return "forbidden";
      if (answer.status < 500) return "failed";
    } catch {
      // No answer: perhaps it arrived, perhaps not. The key makes trying again safe.
    }
  }
  return "failed";
}

function status(form, text, tone = "") {
  const line = form.querySelector("[data-act-status]") ?? form.parentElement.querySelector("[data-act-status]");
  if (!line) return;
  line.textContent = text;
  line.dataset.tone = tone;
}
