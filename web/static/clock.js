// The hub's clock, and the durations on the page that follow it.
// The phone's own clock may be wrong, and a demo's clock may run fast.

import { ticking } from "./strings.js";

let hub = Number(document.body.dataset.now);
let speed = Number(document.body.dataset.speed) || 1;
let mark = performance.now();

/** The hub's clock in Unix ms. */
export function now() {
  return hub + (performance.now() - mark) * speed;
}

/** Sets the clock by what the hub has just said. */
export function set(hubNow, hubSpeed) {
  hub = hubNow;
  speed = hubSpeed || 1;
  mark = performance.now();
}

/** Writes every [data-since] as the time since then, up to [data-until]. */
export function tick() {
  for (const el of document.querySelectorAll("[data-since]")) {
    const since = Number(el.dataset.since);
    if (!since) continue;
    const until = Number(el.dataset.until) || now();
    const text = ticking(until - since);
    if (el.textContent !== text) el.textContent = text;
  }
}

/** Keeps the durations current; all pages call it once. */
export function start() {
  tick();
  setInterval(tick, 1000);
}
