/** Draws a chart on a canvas: nothing here knows of pointers or keys. */

import { barOf, bucketSize, groups, sumOf } from "./buckets.js";
import { decimals, extent, linear, niceStep, niceTicks } from "./scales.js";

/** Room for the axes, the volume's share of the height, and pixels between two lines of the grid. */
const RIGHT = 62, BELOW = 22, ABOVE = 10, VOLUME = 0.2, GRID = 46;
/** Pixels that a candle has at least. */
const NARROWEST = 3;

/**
 * @typedef {{paper: string, ink: string, muted: string, line: string, faint: string, up: string, down: string,
 *   volume: string, series: string[], font: string}} Colours
 * @typedef {{name: string, values: Float64Array}} Named
 * @typedef {{mark: import("./kinds.js").Mark, bars: Record<"open" | "high" | "low" | "close", Float64Array> | null,
 *   lines: Named[], volume: Float64Array | null, steps: boolean}} Marks
 * @typedef {{width: number, height: number, axis: import("./session_axis.js").SessionAxis, from: number, to: number,
 *   marks: Marks, cursor: number, colours: Colours}} Scene `cursor` is a row's index, -1 for none
 */

/** The part of a chart in which time is drawn. @param {number} width */
export const plotWidth = (width) => Math.max(1, width - RIGHT);

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
export function draw(ctx, scene) {
  const { width, height, axis, from, to, marks, colours } = scene;
  const right = plotWidth(width), bottom = height - BELOW;
  const top = marks.volume ? bottom - Math.round((bottom - ABOVE) * VOLUME) - 8 : bottom;
  ctx.clearRect(0, 0, width, height);
  ctx.font = colours.font;
  ctx.lineWidth = 1;
  const i = Math.max(0, axis.indexAt(from - axis.step)), j = Math.min(axis.places.length, axis.indexAt(to) + 1);
  const x = linear(from, to, 0, right);
  const shown = marks.mark === "candles" && marks.bars ? [marks.bars.low, marks.bars.high] : marks.lines.map((one) => one.values);
  const found = extent(shown, i, j);
  timeGrid(ctx, scene, x, bottom);
  if (!found) return;
  const spare = (found.high - found.low || Math.abs(found.high) * 0.002 || 1) * 0.06;
  const y = linear(found.low - spare, found.high + spare, top, ABOVE);
  valueGrid(ctx, scene, y, found.low - spare, found.high + spare, top);
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, 0, right, bottom);
  ctx.clip();
  const size = bucketSize(j - i, right / (marks.mark === "candles" ? NARROWEST : 1));
  const parts = groups(i, j, size, axis.places.length, axis.segments.map((one) => one.first));
  if (marks.volume) volume(ctx, scene, x, parts, bottom, top);
  if (marks.mark === "candles" && marks.bars) candles(ctx, scene, x, y, parts);
  else if (marks.mark === "points") points(ctx, scene, x, y, i, j);
  else lines(ctx, scene, x, y, parts);
  ctx.restore();
  if (scene.cursor >= 0) crosshair(ctx, scene, x, y, top, bottom);
}

/** Where a group of rows begins and ends. @param {Scene} scene @param {number} i @param {number} j exclusive */
function span({ axis }, i, j) {
  return [axis.places[i], axis.places[j - 1] + axis.step];
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {number} bottom */
function timeGrid(ctx, { axis, from, to, width, height, colours }, x, bottom) {
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const tick of axis.ticks(from, to, plotWidth(width))) {
    const at = Math.round(x(tick.x)) + 0.5;
    ctx.strokeStyle = tick.major ? colours.line : colours.faint;
    line(ctx, at, 0, at, bottom + (tick.major ? 6 : 3));
    ctx.fillStyle = tick.major ? colours.ink : colours.muted;
    if (at + ctx.measureText(tick.label).width < width) ctx.fillText(tick.label, at + 4, height - BELOW / 2 + 1);
  }
  ctx.strokeStyle = colours.line;
  line(ctx, 0, bottom + 0.5, plotWidth(width), bottom + 0.5);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} y @param {number} low @param {number} high @param {number} top */
function valueGrid(ctx, { width, colours }, y, low, high, top) {
  const about = Math.max(2, top / GRID);
  const places = decimals(niceStep((high - low) / about));
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  for (const value of niceTicks(low, high, about)) {
    const at = Math.round(y(value)) + 0.5;
    ctx.strokeStyle = colours.faint;
    line(ctx, 0, at, plotWidth(width), at);
    ctx.fillStyle = colours.muted;
    if (at > 5) ctx.fillText(value.toFixed(places), plotWidth(width) + 7, at);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {(v: number) => number} y @param {[number, number][]} parts */
function candles(ctx, scene, x, y, parts) {
  const { marks, colours } = scene;
  const bars = /** @type {NonNullable<Marks["bars"]>} */ (marks.bars);
  for (const [i, j] of parts) {
    const bar = barOf(bars, i, j);
    const [a, b] = span(scene, i, j);
    const up = bar.close >= bar.open;
    const body = bodyOf(x(a), x(b));
    const middle = Math.floor(body.left + body.width / 2) + 0.5;
    ctx.strokeStyle = ctx.fillStyle = up ? colours.up : colours.down;
    line(ctx, middle, y(bar.high), middle, y(bar.low));
    const top = Math.round(y(Math.max(bar.open, bar.close)));
    const tall = Math.max(1, Math.round(y(Math.min(bar.open, bar.close))) - top);
    // Rising ones are hollow: they can be told apart without the colours.
    if (up && body.width > 4 && tall > 2) {
      ctx.fillStyle = colours.paper;
      ctx.fillRect(body.left, top, body.width, tall);
      ctx.strokeRect(body.left + 0.5, top + 0.5, body.width - 1, tall - 1);
    } else ctx.fillRect(body.left, top, body.width, tall);
  }
}

/** @param {number} a @param {number} b */
function bodyOf(a, b) {
  const room = b - a;
  const width = Math.max(1, Math.min(18, Math.round(room * 0.72)));
  return { left: Math.round(a + (room - width) / 2), width };
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {[number, number][]} parts @param {number} bottom @param {number} top */
function volume(ctx, scene, x, parts, bottom, top) {
  const values = /** @type {Float64Array} */ (scene.marks.volume);
  const sums = parts.map(([i, j]) => sumOf(values, i, j));
  const most = Math.max(...sums, 0);
  if (!most) return;
  const y = linear(0, most, bottom, top + 12);
  ctx.fillStyle = scene.colours.volume;
  parts.forEach(([i, j], at) => {
    const [a, b] = span(scene, i, j);
    const body = bodyOf(x(a), x(b));
    const above = Math.round(y(sums[at]));
    ctx.fillRect(body.left, above, body.width, bottom - above);
  });
}

/** Lines by the least and greatest of each group, so that no spike is lost. @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {(v: number) => number} y @param {[number, number][]} parts */
function lines(ctx, scene, x, y, parts) {
  const { marks, axis, colours } = scene;
  marks.lines.forEach(({ values }, at) => {
    ctx.strokeStyle = colours.series[at % colours.series.length];
    ctx.lineWidth = parts.some(([i, j]) => j - i > 1) ? 1 : 1.5;
    ctx.beginPath();
    let pen = false, before = NaN;
    for (const [i, j] of parts) {
      const found = extent([values], i, j);
      if (!found) {
        pen = false;
        continue;
      }
      const px = x(axis.places[i] + (marks.steps ? 0 : axis.step / 2));
      const first = values[i] >= found.low ? values[i] : found.low;
      if (!pen) ctx.moveTo(px, y(first));
      else {
        if (marks.steps) ctx.lineTo(px, y(before));
        ctx.lineTo(px, y(first));
      }
      if (j - i > 1) {
        ctx.lineTo(px, y(found.low));
        ctx.lineTo(px, y(found.high));
      }
      before = Number.isNaN(values[j - 1]) ? found.high : values[j - 1];
      if (j - i > 1) ctx.lineTo(px, y(before));
      pen = true;
    }
    ctx.stroke();
  });
  ctx.lineWidth = 1;
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {(v: number) => number} y @param {number} i @param {number} j */
function points(ctx, { marks, axis, colours }, x, y, i, j) {
  const wide = j - i > 4000 ? 1.5 : j - i > 800 ? 2 : 3;
  marks.lines.forEach(({ values }, at) => {
    ctx.fillStyle = colours.series[at % colours.series.length];
    for (let row = i; row < j; row += 1) {
      if (values[row] === values[row]) ctx.fillRect(x(axis.places[row]) - wide / 2, y(values[row]) - wide / 2, wide, wide);
    }
  });
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {(v: number) => number} x @param {(v: number) => number} y @param {number} top @param {number} bottom */
function crosshair(ctx, { axis, marks, cursor, width, colours }, x, y, top, bottom) {
  const at = Math.round(x(axis.places[cursor] + axis.step / 2)) + 0.5;
  if (at < 0 || at > plotWidth(width)) return;
  const value = marks.mark === "candles" && marks.bars ? marks.bars.close[cursor] : marks.lines[0]?.values[cursor];
  ctx.strokeStyle = colours.muted;
  ctx.setLineDash([3, 3]);
  line(ctx, at, 0, at, bottom);
  const level = Math.round(y(value)) + 0.5;
  const seen = Number.isFinite(level) && level > 0 && level < top;
  if (seen) line(ctx, 0, level, plotWidth(width), level);
  ctx.setLineDash([]);
  if (!seen) return;
  const text = value.toLocaleString("en-US", { maximumFractionDigits: 4, useGrouping: false });
  ctx.fillStyle = colours.ink;
  ctx.fillRect(plotWidth(width) + 1, level - 9, RIGHT - 1, 18);
  ctx.fillStyle = colours.paper;
  ctx.fillText(text, plotWidth(width) + 7, level + 0.5);
}

/** @param {CanvasRenderingContext2D} ctx @param {number} a @param {number} b @param {number} c @param {number} d */
function line(ctx, a, b, c, d) {
  ctx.beginPath();
  ctx.moveTo(a, b);
  ctx.lineTo(c, d);
  ctx.stroke();
}
