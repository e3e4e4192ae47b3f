/** The values of the row under a chart's cursor. */

import { fill, h } from "./dom.js";
import { count, value } from "./format.js";
import { OHLC } from "./kinds.js";
import { clock, dateOf } from "./new_york.js";

const WHOLE = new Set(["volume", "count", "size", "open_interest", "bid_size", "ask_size"]);

/**
 * Show a row; -1: the last one.
 * @param {HTMLElement} place @param {import("./rows.js").Rows} rows @param {import("./chart_draw.js").Marks} marks
 * @param {number} row @param {boolean} daily whether the time of day says nothing
 */
export function readout(place, rows, marks, row, daily) {
  const at = row < 0 ? rows.times.length - 1 : row;
  const t = rows.times[at];
  if (t === undefined) return fill(place);
  const names = marks.mark === "candles" ? [...OHLC, "volume"] : [...marks.lines.map((one) => one.name), marks.volume === rows.columns.size ? "size" : "volume"];
  fill(place, h("span", { class: "when" }, daily ? dateOf(t) : `${dateOf(t)} ${clock(t)}`),
    names.filter((name) => rows.columns[name]).map((name, i) => {
      const found = rows.columns[name][at];
      const drawn = marks.mark !== "candles" && i < marks.lines.length;
      return h("span", { class: "value" },
        h("i", drawn ? { class: `key series-${(i % 6) + 1}` } : {}, name), ` ${WHOLE.has(name) ? count(found) : value(found)}`);
    }));
}
