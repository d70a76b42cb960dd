// The officer's pages: live like the warden's, without the alarm.

import * as clock from "./clock.js";
import * as connection from "./connection.js";
import * as refresh from "./refresh.js";
import * as actions from "./actions.js";
import * as charts from "./chart.js";

const calm = 5_000; // ms between refreshes: values change with every reading

refresh.start(() => charts.scan());
clock.start();
charts.start();
actions.start(() => refresh.refresh());
connection.start(() => refresh.soon());

// Last values and gateways' counts change without an event.
if (document.documentElement.dataset.page === "officer" || document.documentElement.dataset.page === "device") {
  setInterval(() => { if (!document.hidden) refresh.soon(); }, calm);
}

document.getElementById("print")?.addEventListener("click", () => print());
for (const select of document.querySelectorAll(".filter select")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
