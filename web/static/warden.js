// The warden's page: puts the modules together.

import { say } from "./strings.js";
import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as refresh from "./refresh.js";
import * as actions from "./actions.js";
import * as charts from "./chart.js";
import * as sound from "./sound.js";

const title = document.title;
let known = new Set(ids());
let touched = 0; // when the user last did something

refresh.start(refreshed);
clock.start();
sound.start();
charts.start();
actions.start(() => refresh.refresh());
connection.start((what) => { if (what !== "supervision") refresh.refresh(); else refresh.soon(); });
for (const kind of ["pointerdown", "keydown", "scroll"]) {
  addEventListener(kind, () => { touched = Date.now(); }, { passive: true, capture: true });
}
status();

function ids() {
  return [...document.querySelectorAll("#cards > [data-incident]")].map((c) => c.dataset.incident);
}

function refreshed() {
  const fresh = ids().filter((id) => !known.has(id));
  known = new Set(ids());
  charts.scan();
  status();
  if (fresh.length) arrived(fresh.map((id) => document.getElementById(`incident-${id}`)));
}

// New incidents are said aloud by screen readers, heard, and come into view
// unless the user is busy with another one.
function arrived(cards) {
  document.getElementById("announce").textContent = cards.map((c) =>
    [say("newAlarm"), c.querySelector("h2"), c.querySelector(".way"), c.querySelector(".room")]
      .map((p) => (p?.textContent ?? p ?? "").trim()).filter(Boolean).join(" ")).join(". ");
  if (cards.every((c) => c.dataset.loud !== "true")) sound.chime();
  const busy = Date.now() - touched < 4000 || document.querySelector("dialog[open]");
  if (!busy) cards[0].scrollIntoView({ block: "start", behavior: "auto" });
}

// The tab's title, its icon and the app's badge tell how many are open.
function status() {
  const cards = [...document.querySelectorAll("#cards > [data-incident]")];
  const live = cards.filter((c) => !["resolved", "verified"].includes(c.dataset.state));
  const loud = cards.filter((c) => c.dataset.loud === "true");
  sound.update(loud.map((c) => c.dataset.incident));
  const first = live[0]?.querySelector("h2").textContent;
  document.title = live.length ? `(${live.length}) ${first} · ${title}` : title;
  document.body.dataset.open = live.length;
  const icon = document.querySelector("link[rel=icon]");
  icon.dataset.calm ??= icon.href;
  const want = loud.length ? icon.dataset.alert : icon.dataset.calm;
  if (icon.getAttribute("href") !== want) icon.href = want;
  if (live.length) navigator.setAppBadge?.(live.length).catch(() => {});
  else navigator.clearAppBadge?.().catch(() => {});
}
