// How a chart looks: the options that uPlot gets.

import { say } from "./strings.js";
import { overlay, drawOver } from "./overlay.js";

const zone = document.documentElement.dataset.zone || undefined;
const lightPalette = { line: "#0b5a8a", over: "#7a3b9a", halo: "#ffffff", band: "rgb(11 90 138 / .2)", grid: "#dddddd", fault: "rgb(106 63 160 / .16)", text: "#333333", critical: "#b8121a", major: "#a8430a", minor: "#8a6500", advisory: "#4a5b6b" };

const times = {};
function timeText(ms, fields) {
  const name = Object.keys(fields).join();
  times[name] ??= new Intl.DateTimeFormat("zh-CN", { ...fields, timeZone: zone, hourCycle: "h23" });
  return times[name].format(ms).replace(/\//g, "-");
}

const clock = { hour: "2-digit", minute: "2-digit" };
const seconds = { ...clock, second: "2-digit" };
const day = { month: "2-digit", day: "2-digit" };

// Labels of the time axis: seconds where ticks are closer than a minute, the
// date where a tick is midnight.
function ticks(u, splits) {
  const step = splits[1] - splits[0];
  return splits.map((s) => {
    if (step >= 86400) return timeText(s * 1000, day);
    const t = timeText(s * 1000, step < 60 ? seconds : clock);
    return t === "00:00" ? timeText(s * 1000, day) : t;
  });
}

function palette(el, paper) {
  if (paper) return lightPalette;
  const css = getComputedStyle(el);
  const v = (name) => css.getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    line: v("--chart-line"), over: v("--chart-over"), halo: v("--surface"), band: v("--chart-band"), grid: v("--chart-grid"), fault: v("--chart-fault"), text: v("--dim"),
    critical: dark ? "#ff6b70" : v("--critical"), major: dark ? "#ff9a5c" : v("--major"),
    minor: dark ? v("--minor") : "#8a6500", advisory: dark ? "#9fb4c8" : v("--advisory"),
  };
}

/** The options for a chart in el. On paper it has fixed size and light colours. */
export function options(uPlot, el, series, paper) {
  const lines = JSON.parse(el.dataset.lines || "[]") ?? [];
  const colours = palette(el, paper);
  const font = `${paper ? 9 : 12}px system-ui, sans-serif`;
  const alone = el.closest("[data-count='1']");
  const readout = el.closest("figure")?.querySelector("[data-readout]");
  const over = series.over && overlay(uPlot, colours, font);
  return {
    width: paper ? (alone ? 690 : 335) : el.clientWidth,
    height: paper ? 150 : el.clientHeight,
    padding: [10, over ? 0 : 18, 0, 0],
    tzDate: zone ? (s) => uPlot.tzDate(new Date(s * 1000), zone) : undefined,
    legend: { show: false },
    cursor: readout ? { sync: { key: "charts" }, drag: { x: true, y: false }, points: { size: 6 } } : { show: false },
    scales: { x: { range: () => [series.from / 1000, series.to / 1000] }, y: { range: (u, lo, hi) => yRange(lo, hi, lines) }, ...(over && { over: over.scale }) },
    axes: [
      { stroke: colours.text, font, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false }, values: ticks, space: 64, size: 26, gap: 4 },
      { stroke: colours.text, font, grid: { stroke: colours.grid, width: 1 }, ticks: { show: false }, size: 42, gap: 4, space: 34 },
      ...(over ? [over.axis] : []),
    ],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colours.line, width: 2, points: { show: series.points.length < 3, size: 5 } },
      ...(over ? [over.series] : []),
    ],
    bands: [{ series: [2, 1], fill: colours.band }],
    hooks: {
      drawClear: [(u) => drawFaults(u, series, colours)],
      draw: [(u) => { const at = drawOnset(u, el, lines, colours, font); drawLines(u, lines, colours, font, at); if (over) drawOver(u, el, series, colours, scaled(font), label); }],
      setCursor: readout ? [(u) => { readout.textContent = reading(u, el); }] : [],
    },
  };
}

// The lowest alarm level is always in view: how far below it the values are is
// what one looks for. Higher ones only when the values come near.
function yRange(lo, hi, lines) {
  lo ??= 0; hi ??= 1;
  for (const [i, l] of lines.entries()) if (i === 0 || l.value < hi * 1.6) { hi = Math.max(hi, l.value); lo = Math.min(lo, l.value); }
  if (lo > 0 && lo < hi / 2) lo = 0;
  const room = (hi - lo || Math.abs(hi) || 1) * 0.08;
  return [lo === 0 ? 0 : lo - room, hi + room];
}

function reading(u, el) {
  const i = u.cursor.idx;
  if (i == null || u.data[3][i] == null) return "";
  const n = (v) => Number(v.toPrecision(4));
  const [t, min, max, mean] = u.data.map((column) => column[i]);
  const unit = el.dataset.unit === "1" ? "" : ` ${el.dataset.unit}`;
  const spread = min === max ? "" : ` (${n(min)} – ${n(max)})`;
  return `${timeText(t * 1000, { ...day, ...seconds })}  ${n(mean)}${unit}${spread}`;
}

function drawFaults(u, series, colours) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = colours.fault;
  for (const f of series.faults) {
    const x0 = Math.max(bbox.left, u.valToPos(f.from / 1000, "x", true));
    const x1 = Math.min(bbox.left + bbox.width, u.valToPos((f.to || series.to) / 1000, "x", true));
    ctx.fillRect(x0, bbox.top, Math.max(x1 - x0, devicePixelRatio), bbox.height);
  }
  ctx.restore();
}

// An upright line where it began; returns its x, or -1.
function drawOnset(u, el, lines, colours, font) {
  const onset = Number(el.dataset.onset);
  const { ctx, bbox } = u;
  const x = onset ? u.valToPos(onset / 1000, "x", true) : -1;
  if (x < bbox.left || x > bbox.left + bbox.width) return -1;
  ctx.save();
  ctx.font = scaled(font);
  ctx.strokeStyle = colours.text;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  const crowded = lines.some((l) => Math.abs(u.valToPos(l.value, "y", true) - bbox.top) < 26 * devicePixelRatio);
  const y = crowded ? bbox.top + bbox.height * 0.4 : bbox.top + 12 * devicePixelRatio;
  const left = x > bbox.left + 60 * devicePixelRatio;
  label(ctx, colours, say("onset"), x + (left ? -4 : 4) * devicePixelRatio, y, colours.text, left ? "right" : "left");
  ctx.restore();
  return x;
}

// Alarm levels, dashed, with their values where the onset does not stand.
function drawLines(u, lines, colours, font, onset) {
  const { ctx, bbox } = u;
  const right = onset >= 0 && onset < bbox.left + 110 * devicePixelRatio;
  ctx.save();
  ctx.font = scaled(font);
  ctx.setLineDash([7 * devicePixelRatio, 5 * devicePixelRatio]);
  ctx.lineWidth = 2 * devicePixelRatio;
  for (const l of lines) {
    const y = u.valToPos(l.value, "y", true);
    if (y < bbox.top || y > bbox.top + bbox.height) continue;
    ctx.strokeStyle = colours[l.severity] ?? colours.critical;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const below = right || y < bbox.top + 18 * devicePixelRatio; // the curve is above the level there
    const x = right ? bbox.left + bbox.width - 5 * devicePixelRatio : bbox.left + 5 * devicePixelRatio;
    label(ctx, colours, `${say("threshold")} ${l.value}`, x, y + (below ? 15 : -7) * devicePixelRatio, ctx.strokeStyle, right ? "right" : "left");
  }
  ctx.restore();
}

const scaled = (font) => font.replace(/^\d+/, (px) => Math.round(px * devicePixelRatio));

// A halo keeps a label readable where a curve runs behind it.
function label(ctx, colours, text, x, y, colour, align) {
  ctx.textAlign = align;
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineJoin = "round";
  ctx.lineWidth = 3 * devicePixelRatio;
  ctx.strokeStyle = colours.halo;
  ctx.strokeText(text, x, y);
  ctx.restore();
  ctx.fillStyle = colour;
  ctx.fillText(text, x, y);
}
