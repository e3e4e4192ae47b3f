/** The weekdays of a receipt, as months of weeks. */

/**
 * @typedef {{date: string, day: number, mark: string, session: import("./types.js").Session | null}} Cell
 * @typedef {{month: string, weeks: (Cell | null)[][]}} Month `weeks` have five places each, Monday to Friday
 */

/** What a session is shown as: its status, or that bars are missing in it. @param {import("./types.js").Session} session */
export const markOf = (session) => (session.missing ? "missing" : session.status);

/** The months that the sessions lie in, with every weekday of theirs that the receipt tells of. @param {import("./types.js").Session[]} sessions @returns {Month[]} */
export function months(sessions) {
  /** @type {Map<string, Month>} */
  const found = new Map();
  for (const session of sessions) {
    const at = new Date(session.date);
    const weekday = at.getUTCDay() - 1;
    if (weekday < 0 || weekday > 4) continue;
    const name = session.date.slice(0, 7);
    const month = found.get(name) ?? { month: name, weeks: [] };
    found.set(name, month);
    const week = weekOf(session.date);
    (month.weeks[week] ??= [null, null, null, null, null])[weekday] = {
      date: session.date, day: at.getUTCDate(), mark: markOf(session), session,
    };
  }
  return [...found.values()].map(({ month, weeks }) => ({
    month, weeks: Array.from(weeks, (week) => week ?? null).filter((week) => week !== null),
  }));
}

/** Which row of its month a date is in: weeks begin on Mondays. @param {string} date */
export function weekOf(date) {
  const at = new Date(date);
  const first = new Date(`${date.slice(0, 7)}-01`).getUTCDay();
  return Math.floor((at.getUTCDate() - 1 + ((first + 6) % 7)) / 7);
}
