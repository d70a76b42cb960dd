// Brings the page up to date: reads it again from the hub and exchanges the
// parts that changed. The hub's templates stay the only place that knows how
// anything looks.
//
// data-refresh="cards": children are kept by ID. Any other value: the whole
// element is exchanged. What the user has opened, and charts, stay.

import * as connection from "./connection.js";
import * as clock from "./clock.js";

const raw = new WeakMap(); // element → the hub's HTML for it
let running = false;
let again = false;
let timer = 0;
let after = () => {};

/** Remembers what the hub sent, before any script changes it. */
export function start(onRefreshed) {
  after = onRefreshed;
  for (const el of parts(document)) remember(el);
}

/** Refreshes soon; calls in quick succession make one. */
export function soon() {
  if (timer) return;
  timer = setTimeout(() => { timer = 0; refresh(); }, 60);
}

/** Refreshes now. Resolves to false when the hub could not be read. */
export async function refresh() {
  if (running) { again = true; return true; }
  running = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10_000) });
    if (answer.redirected && new URL(answer.url).pathname === "/sign-in") { connection.signedOut(); return true; }
    if (!answer.ok) return false;
    apply(new DOMParser().parseFromString(await answer.text(), "text/html"));
    return true;
  } catch {
    return false;
  } finally {
    running = false;
    if (again) { again = false; soon(); }
  }
}

const parts = (doc) => doc.querySelectorAll("[data-refresh]");

// What differs between two renderings of the same thing.
const plain = (el) => el.outerHTML
  .replace(/name="key" value="[^"]*"/g, "")
  .replace(/data-(from|to)="[^"]*"/g, "");

function remember(el) {
  if (el.dataset.refresh === "cards") for (const child of el.children) raw.set(child, plain(child));
  else raw.set(el, plain(el));
}

function apply(doc) {
  for (const fresh of parts(doc)) {
    const old = document.getElementById(fresh.id);
    if (!old) continue;
    if (fresh.dataset.refresh === "cards") cards(old, fresh);
    else exchange(old, fresh);
  }
  clock.tick();
  after();
}

function cards(old, fresh) {
  const keep = new Set();
  let at = old.firstElementChild;
  for (const card of [...fresh.children]) {
    const html = plain(card);
    let mine = document.getElementById(card.id);
    if (!mine || raw.get(mine) !== html) {
      const adopted = document.adoptNode(card);
      if (mine) { carryOver(mine, adopted); if (at === mine) at = mine.nextElementSibling; mine.replaceWith(adopted); }
      mine = adopted;
      raw.set(mine, html);
    }
    keep.add(mine);
    if (mine === at) at = at.nextElementSibling;
    else if (mine.nextElementSibling !== at || mine.parentElement !== old) old.insertBefore(mine, at);
  }
  for (const child of [...old.children]) if (!keep.has(child)) child.remove();
}

function exchange(old, fresh) {
  const html = plain(fresh);
  if (raw.get(old) === html) return;
  if (old.querySelector("textarea:focus") || [...old.querySelectorAll("textarea")].some((t) => t.value)) return; // somebody writes
  const adopted = document.adoptNode(fresh);
  carryOver(old, adopted);
  old.replaceWith(adopted);
  raw.set(adopted, html);
}

// Charts, what is unfolded, and the focus move over to the new element.
function carryOver(old, fresh) {
  for (const place of fresh.querySelectorAll("[data-chart]")) {
    const drawn = [...old.querySelectorAll("[data-chart]")].find((c) => c.dataset.chart === place.dataset.chart);
    if (drawn) { drawn.dataset.live = place.dataset.live; place.replaceWith(drawn); }
  }
  for (const open of old.querySelectorAll("details[open][id]")) {
    const same = fresh.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused) queueMicrotask(() => (fresh.querySelector("button, a.button") ?? fresh.querySelector("a"))?.focus({ preventScroll: true }));
}
