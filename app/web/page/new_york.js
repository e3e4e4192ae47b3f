/** The exchange's wall clock. Instants are milliseconds since 1970, UTC. */

const PARTS = new Intl.DateTimeFormat("en-US", {
  timeZone: "America/New_York", hourCycle: "h23",
  year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
});
const HOUR = 3_600_000;
/** @type {Map<number, number>} */
const offsets = new Map();

/**
 * How far New York's clocks are ahead of UTC, in milliseconds (so it is negative). Asked once for each hour, for the
 * formatter is slow and offsets change on the hour.
 * @param {number} at
 */
export function offset(at) {
  const hour = Math.floor(at / HOUR);
  let found = offsets.get(hour);
  if (found === undefined) {
    const part = Object.fromEntries(PARTS.formatToParts(hour * HOUR).map(({ type, value }) => [type, Number(value)]));
    found = Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) - hour * HOUR;
    offsets.set(hour, found);
  }
  return found;
}

/** The date in New York, "2024-01-31". @param {number} at */
export const dateOf = (at) => new Date(at + offset(at)).toISOString().slice(0, 10);

/** Days since 1970 of New York's date. @param {number} at */
export const dayOf = (at) => Math.floor((at + offset(at)) / 86_400_000);

/** Milliseconds since New York's midnight by its clocks. @param {number} at */
export const timeOfDay = (at) => (((at + offset(at)) % 86_400_000) + 86_400_000) % 86_400_000;

/** "09:30:00", with milliseconds when there are any. @param {number} at */
export function clock(at) {
  const text = new Date(Math.floor(at + offset(at))).toISOString();
  return text.endsWith(".000Z") ? text.slice(11, 19) : text.slice(11, 23);
}
