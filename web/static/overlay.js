// What is drawn over a chart of something measured: a likelihood from 0 to 1 on an
// axis of its own, the level it was compared with, and the stages that a detector saw.

import { say } from "./strings.js";

/** Where the stage changes: [{t, stage}], t in ms. */
export function marks(points) {
  const out = [];
  let before;
  for (const [t, , , max] of points) {
    const stage = Math.round(max);
    if (before !== undefined && stage !== before) out.push({ t, stage });
    before = stage;
  }
  return out;
}

/** The options of uPlot for the likelihood: axis, scale and series. */
export function overlay(uPlot, colours, font) {
  const percent = (u, splits) => splits.map((v) => `${Math.round(v * 100)}%`);
  return {
    scale: { range: () => [0, 1.05] },
    axis: { scale: "over", side: 1, stroke: colours.over, font, grid: { show: false }, ticks: { show: false }, size: 44, gap: 4, splits: () => [0, 0.25, 0.5, 0.75, 1], values: percent },
    series: { scale: "over", stroke: colours.over, width: 2, dash: [3, 3], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
  };
}

/** Draws the likelihood's level and the stages' marks. */
export function drawOver(u, el, series, colours, font, label) {
  const { ctx, bbox } = u;
  const dot = devicePixelRatio;
  ctx.save();
  ctx.font = font;
  ctx.lineWidth = dot;
  const level = Number(el.dataset.overLevel);
  if (level) {
    const y = u.valToPos(level, "over", true);
    ctx.strokeStyle = colours[el.dataset.overSeverity] ?? colours.critical;
    ctx.lineWidth = 2 * dot;
    ctx.setLineDash([7 * dot, 5 * dot]);
    stroke(ctx, bbox.left, y, bbox.left + bbox.width, y);
    label(ctx, colours, `${say("threshold")} ${Math.round(level * 100)}%`, bbox.left + 5 * dot, y - 7 * dot, ctx.strokeStyle, "left");
  }
  ctx.lineWidth = dot;
  ctx.strokeStyle = colours.text;
  ctx.setLineDash([]);
  const foot = bbox.top + bbox.height;
  const free = [0, 0]; // where the last label ends, of two rows
  for (const m of series.marks) {
    const x = u.valToPos(m.t / 1000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    stroke(ctx, x, foot - 14 * dot, x, foot);
    const text = say(`stage${m.stage}`);
    const wide = ctx.measureText(text).width;
    const left = x + 3 * dot + wide > bbox.left + bbox.width;
    const from = left ? x - 3 * dot - wide : x + 3 * dot;
    const row = free.findIndex((end) => from >= end);
    if (row < 0) continue;
    label(ctx, colours, text, from, foot - (5 + 13 * row) * dot, colours.text, "left");
    free[row] = from + wide + 4 * dot;
  }
  ctx.restore();
}

function stroke(ctx, x0, y0, x1, y1) {
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
}
