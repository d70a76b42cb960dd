// Charts: reads /api/v1/series and draws it with uPlot into every [data-chart].
// Minimum to maximum as a band, the mean as a line, alarm levels dashed, the
// onset as an upright line, faults as grey spans. uPlot is loaded when the
// first chart comes into view.

import { say } from "./strings.js";
import { now } from "./clock.js";
import { options } from "./plot.js";
import { marks } from "./overlay.js";

const every = 10_000; // ms between updates of a live chart
const drawn = new Map(); // element → {plot, series}
let library;

const seen = new IntersectionObserver((entries) => {
  for (const e of entries) if (e.isIntersecting) { seen.unobserve(e.target); load(e.target); }
}, { rootMargin: "200px" });

/** Draws what is on the page and keeps live charts current. */
export function start() {
  scan();
  setInterval(() => { if (!document.hidden) update(); }, every);
  addEventListener("resize", () => draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  addEventListener("beforeprint", () => draw(true));
  addEventListener("afterprint", () => draw());
}

/** Finds charts that have come since. */
export function scan() {
  for (const el of drawn.keys()) if (!el.isConnected) { drawn.get(el).plot?.destroy(); drawn.delete(el); }
  for (const el of document.querySelectorAll("[data-chart]:not([data-state])")) {
    el.dataset.state = "waiting";
    seen.observe(el);
  }
}

function uplot() {
  library ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = new URL("./vendor/uplot/uPlot.iife.min.js", import.meta.url);
    script.onload = () => done(window.uPlot);
    script.onerror = () => { library = undefined; script.remove(); fail(new Error("uPlot did not load")); };
    document.head.append(script);
  });
  return library;
}

async function load(el) {
  try {
    const [uPlot, series] = await Promise.all([uplot(), read(el)]);
    drawn.set(el, { uPlot, series });
    paint(el);
  } catch {
    message(el, say("noChart"), () => load(el));
  }
}

async function read(el) {
  const d = el.dataset;
  const span = d.to - d.from;
  let { from, to } = d;
  if (d.live === "true") {
    to = Math.round(now());
    // A chart of an incident grows from its onset; one of a range slides.
    if (d.onset === "0") from = to - span;
  }
  const ask = async (metric) => {
    const query = new URLSearchParams({ device: d.device, metric, from, to });
    if (d.step) query.set("step", d.step);
    const answer = await fetch(`/api/v1/series?${query}`, { signal: AbortSignal.timeout(10_000) });
    if (!answer.ok) throw new Error(`series: ${answer.status}`);
    return answer.json();
  };
  const [series, over, stages] = await Promise.all([d.metric, d.over, d.stages].map((m) => (m ? ask(m) : undefined)));
  return { ...series, over, marks: marks(stages?.points ?? []) };
}

async function update() {
  for (const [el, chart] of drawn) {
    if (el.dataset.live !== "true" || !el.isConnected) continue;
    try {
      chart.series = await read(el);
      paint(el);
    } catch { /* the page says whether it is connected; the chart stays */ }
  }
}

function draw(paper = false) {
  for (const el of drawn.keys()) paint(el, paper);
}

function paint(el, paper = false) {
  const chart = drawn.get(el);
  const { series, uPlot } = chart;
  el.dataset.points = series.points.length;
  if (!series.points.length && !series.faults.length) {
    chart.plot?.destroy();
    chart.plot = undefined;
    return message(el, say("noData"));
  }
  el.dataset.state = "drawn";
  const data = [[], [], [], []];
  for (const [t, min, mean, max] of series.points) {
    data[0].push(t / 1000); data[1].push(min); data[2].push(max); data[3].push(mean);
  }
  chart.plot?.destroy();
  el.replaceChildren();
  let shown = gaps(data, series.step);
  if (series.over) {
    const likely = [series.over.points.map((p) => p[0] / 1000), series.over.points.map((p) => p[3])]; // the highest: that is what raises
    shown = uPlot.join([shown, gaps(likely, Math.max(series.over.step, 30_000))]);
  }
  chart.plot = new uPlot(options(uPlot, el, series, paper), shown, el);
  const highest = Math.max(...data[2]);
  if (Number.isFinite(highest)) {
    const unit = el.dataset.unit === "1" ? "" : ` ${el.dataset.unit}`;
    el.setAttribute("aria-label", `${el.dataset.label}: ${say("max")} ${highest.toPrecision(3)}${unit}`);
  }
}

// A line across a stretch without readings would claim values that nobody
// measured: where points are missing, the line breaks.
function gaps(data, step) {
  const at = data[0];
  let usual = step / 1000;
  if (at.length > 2) {
    const between = at.slice(1).map((t, i) => t - at[i]).sort((a, b) => a - b);
    usual = Math.max(usual, between[Math.floor(between.length / 2)]);
  }
  const out = data.map(() => []);
  at.forEach((t, i) => {
    if (i && t - at[i - 1] > usual * 4) {
      out.forEach((column, s) => column.push(s ? null : (t + at[i - 1]) / 2));
    }
    out.forEach((column, s) => column.push(data[s][i]));
  });
  return out;
}

function message(el, text, retry) {
  el.dataset.state = retry ? "failed" : "empty";
  const line = document.createElement(retry ? "button" : "p");
  line.className = "chart-message";
  line.textContent = text;
  if (retry) { line.type = "button"; line.onclick = () => { el.replaceChildren(); retry(); }; }
  el.replaceChildren(line);
}
