/** Which part of a series a chart begins with, and what of it is drawn. */

import { KINDS, OHLC } from "./kinds.js";
import { SessionAxis } from "./session_axis.js";
import { recordOf, stepOf } from "./series_name.js";

const DAY = 86_400_000;

/**
 * The last sessions that together have no more rows than that, at least one of them.
 * @param {import("./types.js").Session[]} sessions @param {number} most
 * @returns {{start: string, end: string} | null} null when no session has rows
 */
export function lastSessions(sessions, most) {
  const full = sessions.filter((one) => one.rows > 0);
  if (!full.length) return null;
  let first = full.length - 1, rows = full[first].rows;
  while (first > 0 && rows + full[first - 1].rows <= most) rows += full[--first].rows;
  return { start: full[first].date, end: full[full.length - 1].date };
}

/**
 * The columns of a record that can be drawn, by `GET /schemas`.
 * @param {Record<string, {fields: {name: string, type: any}[]}>} schemas @param {import("./series_name.js").SeriesName} name
 */
export function numericColumns(schemas, name) {
  const fields = schemas[recordOf(name)]?.fields ?? [];
  return fields.filter(({ name, type }) => isNumber(type) && name !== "strike").map((one) => one.name);
}

/** @param {any} type an Avro type @returns {boolean} */
function isNumber(type) {
  if (Array.isArray(type)) return type.some(isNumber);
  return type === "double" || type === "float" || type === "int" || type === "long";
}

/** What has to be read for these to be drawn. @param {string} schema @param {string[]} chosen @param {string[]} known */
export function columnsToRead(schema, chosen, known) {
  const kind = KINDS[schema];
  const wanted = new Set([...chosen, ...(kind?.volume ? [kind.volume] : []), ...(OHLC.every((one) => known.includes(one)) ? OHLC : [])]);
  return ["timestamp", ...known.filter((one) => wanted.has(one))];
}

/** Which ways a series can be drawn in. @param {string[]} known @returns {import("./kinds.js").Mark[]} */
export const marksOf = (known) =>
  OHLC.every((one) => known.includes(one)) ? ["candles", "lines", "points"] : ["lines", "points"];

/** The axis of these rows: a bar has its interval's room, an `eod` row a day, and a tick next to none. @param {import("./rows.js").Rows} rows @param {import("./series_name.js").SeriesName} name */
export function axisOf(rows, name) {
  const step = stepOf(name.interval) ?? (name.schema === "eod" || name.schema === "open_interest" ? DAY : 1_000);
  return new SessionAxis(rows.times, step);
}

/**
 * @param {import("./rows.js").Rows} rows @param {string} schema @param {import("./kinds.js").Mark} mark
 * @param {string[]} chosen @returns {import("./chart_draw.js").Marks}
 */
export function drawn({ columns }, schema, mark, chosen) {
  const bars = OHLC.every((one) => columns[one]);
  const { open, high, low, close } = columns;
  return {
    mark: mark === "candles" && !bars ? "lines" : mark,
    bars: bars ? { open, high, low, close } : null,
    lines: chosen.filter((one) => columns[one]).map((one) => ({ name: one, values: columns[one] })),
    volume: columns[KINDS[schema]?.volume ?? ""] ?? null,
    steps: schema === "quote" || schema === "trade_quote",
  };
}
