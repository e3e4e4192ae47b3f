/**
 * The horizontal axis of a chart: time as far as there is any in sessions. What lies between two sessions is closed up;
 * within one, distances are true. Places are milliseconds of session time from the first row on.
 */

import { dateOf, dayOf, offset } from "./new_york.js";

const SECOND = 1_000, MINUTE = 60_000, HOUR = 3_600_000;
const STEPS = [SECOND, 5 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE,
  30 * MINUTE, HOUR, 2 * HOUR];
/** Pixels that labels need: a time, a date. */
const TIME_ROOM = 62, DATE_ROOM = 72;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/**
 * @typedef {{date: string, first: number, t0: number, t1: number, x0: number, x1: number}} Segment a session: its first
 *   row's index, its first and last instant, and the places where it begins and ends
 * @typedef {{x: number, label: string, major: boolean}} Tick
 */

export class SessionAxis {
  /**
   * @param {Float64Array} times instants, ascending
   * @param {number} step room that each row takes, in milliseconds: a bar's interval
   */
  constructor(times, step) {
    this.times = times;
    this.step = step;
    /** @type {Segment[]} */
    this.segments = [];
    /** Where each row stands. */
    this.places = new Float64Array(times.length);
    let day = NaN;
    /** @type {Segment | undefined} */
    let now;
    times.forEach((t, i) => {
      const today = dayOf(t);
      if (!now || today !== day) {
        const x0 = now ? now.x1 : 0;
        now = { date: dateOf(t), first: i, t0: t, t1: t, x0, x1: x0 + step };
        this.segments.push(now);
        day = today;
      }
      // Repairs may add rows out of order; a place never lies before its session.
      now.t1 = Math.max(now.t1, t);
      now.x1 = now.x0 + (now.t1 - now.t0) + step;
      this.places[i] = now.x0 + Math.max(0, t - now.t0);
    });
    this.length = now?.x1 ?? 0;
  }

  /** The first row whose place is not before `x`. @param {number} x */
  indexAt(x) {
    let low = 0, high = this.places.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.places[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The row that is nearest to `x`, whose bar begins at its place; -1 when there is none. @param {number} x */
  nearest(x) {
    const n = this.places.length;
    const after = Math.min(n - 1, this.indexAt(x - this.step / 2));
    const before = Math.max(0, after - 1);
    if (n === 0) return -1;
    const middle = x - this.step / 2;
    return Math.abs(this.places[before] - middle) <= Math.abs(this.places[after] - middle) ? before : after;
  }

  /**
   * Where labels stand between two places that are `width` pixels apart.
   * @param {number} from @param {number} to @param {number} width @returns {Tick[]}
   */
  ticks(from, to, width) {
    const seen = this.segments.filter((one) => one.x1 >= from && one.x0 <= to);
    const perPixel = (to - from) / width;
    if (!seen.length || !(perPixel > 0)) return [];
    const roomy = (this.length / this.segments.length) / perPixel > 2 * DATE_ROOM;
    const ticks = roomy ? seen.flatMap((one) => this.#within(one, perPixel)) : dates(seen, perPixel);
    return ticks.filter((one) => one.x >= from && one.x <= to);
  }

  /** A session's date, and times within it. @param {Segment} segment @param {number} perPixel @returns {Tick[]} */
  #within(segment, perPixel) {
    const step = STEPS.find((one) => one / perPixel >= TIME_ROOM) ?? 4 * HOUR;
    const ahead = offset(segment.t0);
    /** @type {Tick[]} */
    const ticks = [{ x: segment.x0, label: dayLabel(segment.date), major: true }];
    const first = Math.ceil((segment.t0 + ahead) / step) * step - ahead;
    for (let t = first; t <= segment.t1; t += step) {
      const x = segment.x0 + t - segment.t0;
      const clear = (x - segment.x0) / perPixel >= DATE_ROOM && (segment.x1 - x) / perPixel >= TIME_ROOM / 2;
      if (clear) ticks.push({ x, label: timeLabel(t + ahead, step), major: false });
    }
    return ticks;
  }
}

/** The finest of days, weeks, months, quarters and years whose labels have room. @param {Segment[]} segments @param {number} perPixel @returns {Tick[]} */
function dates(segments, perPixel) {
  const levels = [
    (/** @type {string} */ date) => date,
    (/** @type {string} */ date) => String(Math.floor((Date.parse(date) / 86_400_000 + 3) / 7)),
    (/** @type {string} */ date) => date.slice(0, 7),
    (/** @type {string} */ date) => `${date.slice(0, 4)} ${Math.floor((Number(date.slice(5, 7)) - 1) / 3)}`,
    (/** @type {string} */ date) => date.slice(0, 4),
  ];
  for (const [at, level] of levels.entries()) {
    const begins = segments.filter((one, i) => i === 0 || level(one.date) !== level(segments[i - 1].date));
    const room = (segments[segments.length - 1].x1 - segments[0].x0) / perPixel / begins.length;
    if (room < DATE_ROOM && at < levels.length - 1) continue;
    /** @type {Tick[]} */
    const ticks = [];
    let free = -Infinity;
    for (const [i, one] of begins.entries()) {
      if (one.x0 / perPixel < free) continue;
      free = one.x0 / perPixel + DATE_ROOM;
      const year = i === 0 || one.date.slice(0, 4) !== begins[i - 1].date.slice(0, 4);
      ticks.push({ x: one.x0, label: dateLabel(one.date, at, year), major: year });
    }
    return ticks;
  }
  return [];
}

/** @param {string} date @param {number} level @param {boolean} year */
function dateLabel(date, level, year) {
  const month = MONTHS[Number(date.slice(5, 7)) - 1];
  if (level === 4) return date.slice(0, 4);
  if (level >= 2) return year ? `${month} ${date.slice(0, 4)}` : month;
  return year ? `${Number(date.slice(8))} ${month} ${date.slice(0, 4)}` : `${Number(date.slice(8))} ${month}`;
}

/** @param {string} date */
const dayLabel = (date) =>
  `${DAYS[new Date(date).getUTCDay()]} ${Number(date.slice(8))} ${MONTHS[Number(date.slice(5, 7)) - 1]}`;

/** @param {number} local milliseconds of New York's clocks @param {number} step */
const timeLabel = (local, step) => new Date(local).toISOString().slice(11, step < MINUTE ? 19 : 16);
