/**
 * The exchange's regular sessions, for the dates that a form begins with. The API's own calendar is what counts; this
 * one knows the rules as they are since 2022, not the closures that no rule foresees.
 */

import { dateOf, timeOfDay } from "./new_york.js";

const DAY = 86_400_000;
/** When a session's rows are all there at the latest, by New York's clocks. */
const CLOSED_FROM = 16 * 3_600_000;

/** @param {number} year @param {number} month 1 to 12 @param {number} day */
const utc = (year, month, day) => Date.UTC(year, month - 1, day);
/** @param {number} at */
const iso = (at) => new Date(at).toISOString().slice(0, 10);
/** @param {number} at */
const weekday = (at) => new Date(at).getUTCDay();

/** The nth weekday (0: Sunday) of a month; n = -1: its last. @param {number} y @param {number} m @param {number} day @param {number} n */
function nth(y, m, day, n) {
  if (n > 0) {
    const first = utc(y, m, 1);
    return first + (((day - weekday(first) + 7) % 7) + 7 * (n - 1)) * DAY;
  }
  const end = utc(y, m + 1, 1) - DAY;
  return end - ((weekday(end) - day + 7) % 7) * DAY;
}

/** Western Easter, by the anonymous Gregorian computus. @param {number} year */
function easter(year) {
  const a = year % 19, b = Math.floor(year / 100), c = year % 100;
  const h = (19 * a + b - Math.floor(b / 4) - Math.floor((b - Math.floor((b + 8) / 25) + 1) / 3) + 15) % 30;
  const l = (32 + 2 * (b % 4) + 2 * Math.floor(c / 4) - h - (c % 4)) % 7;
  const m = Math.floor((a + 11 * h + 22 * l) / 451);
  return utc(year, Math.floor((h + l - 7 * m + 114) / 31), ((h + l - 7 * m + 114) % 31) + 1);
}

/** A fixed holiday where it is kept: Saturdays on Friday, Sundays on Monday. @param {number} at */
const kept = (at) => at + (weekday(at) === 6 ? -DAY : weekday(at) === 0 ? DAY : 0);

/** The weekdays of a year on which there is no session. @param {number} year @returns {Set<string>} */
export function holidays(year) {
  const newYear = utc(year, 1, 1);
  const days = [
    nth(year, 1, 1, 3), nth(year, 2, 1, 3), easter(year) - 2 * DAY, nth(year, 5, 1, -1), kept(utc(year, 6, 19)),
    kept(utc(year, 7, 4)), nth(year, 9, 1, 1), nth(year, 11, 4, 4), kept(utc(year, 12, 25)),
  ];
  // On a Saturday it is not kept at all: the old year's accounts end on that Friday.
  if (weekday(newYear) !== 6) days.push(kept(newYear));
  return new Set(days.map(iso));
}

/** @param {string} date */
export function isSession(date) {
  const day = weekday(Date.parse(date));
  return day !== 0 && day !== 6 && !holidays(Number(date.slice(0, 4))).has(date);
}

/**
 * The last sessions that are over, the earliest first.
 * @param {number} now
 * @param {number} many
 * @param {number} [over] milliseconds after New York's midnight from which on today's counts
 */
export function lastClosed(now, many, over = CLOSED_FROM) {
  let at = Date.parse(dateOf(now)) - (timeOfDay(now) >= over ? 0 : DAY);
  /** @type {string[]} */
  const found = [];
  for (; found.length < many; at -= DAY) if (isSession(iso(at))) found.unshift(iso(at));
  return found;
}
