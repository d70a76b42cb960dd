// The event stream, and the plain word about whether it is there.
//
// The hub says every few seconds that it lives. What counts is that word, not
// the state of a socket: a phone that changed networks keeps a dead one open.

import { say, words } from "./strings.js";
import * as clock from "./clock.js";

const silentAfter = 12_000; // ms without a word: not connected
const graceAfterError = 3_000; // ms that a broken stream may take to come back
const reopenAfter = 20_000; // ms without a word: the socket is dead, open another

let source;
let lastWord = Date.now();
let brokenSince = 0;
let opened = 0;
let state = "connecting";
let changed = () => {};

/** Opens the stream. onChange is called when something on the page may be out of date. */
export function start(onChange) {
  changed = onChange;
  open();
  setInterval(watch, 1000);
  addEventListener("offline", () => { brokenSince = brokenSince || Date.now() - graceAfterError; watch(); });
  addEventListener("online", open);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (e) => { if (e.persisted) open(); });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - lastWord > 6_000) open();
  });
}

function open() {
  source?.close();
  source = new EventSource("/api/v1/events");
  opened = Date.now();
  let first = true;
  source.addEventListener("heartbeat", (e) => {
    const beat = JSON.parse(e.data);
    clock.set(beat.now, beat.speed);
    heard();
    if (first) changed("connected"); // whatever happened while we were away
    first = false;
  });
  for (const name of ["incident", "supervision", "resync"]) {
    source.addEventListener(name, (e) => { heard(); changed(name, e.data); });
  }
  source.onopen = () => { first = true; };
  source.onerror = () => { brokenSince = brokenSince || Date.now(); watch(); };
}

function heard() {
  lastWord = Date.now();
  brokenSince = 0;
  show("connected");
}

function watch() {
  const silent = Date.now() - lastWord;
  const broken = brokenSince && Date.now() - brokenSince > graceAfterError;
  if (silent > silentAfter || broken) show("lost", silent);
  const age = Date.now() - opened;
  if (silent > reopenAfter && age > reopenAfter || source.readyState === EventSource.CLOSED && age > 3_000) {
    changed("reopen"); // reading the page again tells whether we are still signed in
    open();
  }
}

function show(next, silent = 0) {
  const banner = document.getElementById("offline");
  if (next === "lost") {
    const text = say("lostSince", words(silent));
    const span = banner.querySelector(".offline-text");
    if (span.textContent !== text) span.textContent = text;
  }
  if (next === state) return;
  state = next;
  banner.hidden = next !== "lost";
  document.body.classList.toggle("not-connected", next === "lost");
  const badge = document.getElementById("connection");
  badge.dataset.state = next;
  badge.querySelector(".conn-text").textContent = say(next);
}

/** Says in the banner that nothing will come any more until one signs in again. */
export function signedOut() {
  source?.close();
  const banner = document.getElementById("offline");
  banner.hidden = false;
  banner.querySelector(".offline-text").innerHTML = "";
  const link = document.createElement("a");
  link.href = "/sign-in";
  link.textContent = say("signedOut");
  link.style.color = "inherit";
  banner.querySelector(".offline-text").append(link);
}
