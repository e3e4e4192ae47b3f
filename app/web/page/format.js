/** Numbers, sizes, durations and instants as they are read. */

import { clock, dateOf } from "./new_york.js";

const WHOLE = new Intl.NumberFormat("en-US");

/** @param {number | null | undefined} n */
export const count = (n) => (n === null || n === undefined ? "–" : WHOLE.format(n));

/**
 * "1 series", "3 series", "1 row", "1,234 rows".
 * @param {number} n @param {string} one @param {string} [many]
 */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Bytes in the usual decimal units. @param {number} n */
export function bytes(n) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  for (; n >= 1000 && at < units.length - 1; at += 1) n /= 1000;
  return `${at && n < 100 ? n.toFixed(1) : WHOLE.format(Math.round(n))} ${units[at]}`;
}

/** Seconds as "0.4 s", "12 s", "3 min 20 s", "5 h 4 min", "3 d 2 h". @param {number | null | undefined} s */
export function duration(s) {
  if (s === null || s === undefined || !Number.isFinite(s)) return "–";
  if (s < 10) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(whole / 60);
  if (minutes < 1440) return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
  const hours = Math.round(minutes / 60);
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** @param {number} a @param {string} big @param {number} b @param {string} small */
const two = (a, big, b, small) => (b ? `${a} ${big} ${b} ${small}` : `${a} ${big}`);

/** An instant in the reader's own time zone, to the second. @param {string | null | undefined} iso */
export function here(iso) {
  if (!iso) return "–";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** An event time as New York's clocks showed it. @param {string | null | undefined} iso */
export function newYork(iso) {
  if (!iso) return "–";
  const at = Date.parse(iso);
  return Number.isNaN(at) ? iso : `${dateOf(at)} ${clock(at)}`;
}

/** A value with no more decimals than it needs. @param {number} value @param {number} [most] */
export function value(value, most = 4) {
  if (!Number.isFinite(value)) return "–";
  return value.toLocaleString("en-US", { maximumFractionDigits: most, useGrouping: Math.abs(value) >= 10000 });
}
