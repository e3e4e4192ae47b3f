/** A receipt's sessions as small months: which days are whole, short, empty, closed, or lack bars. */

import { h } from "./dom.js";
import { count, counted } from "./format.js";
import { months } from "./month_grid.js";

/** What is said of a day, and the sign it bears beside its colour. @type {Record<string, [string, string]>} */
const WORDS = {
  complete: ["complete", ""],
  early_close: ["early close", "½"],
  no_data: ["no data", "∅"],
  holiday: ["holiday", "×"],
  missing: ["bars missing", "!"],
};
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December"];
const DAYS = [["M", "Monday"], ["T", "Tuesday"], ["W", "Wednesday"], ["T", "Thursday"], ["F", "Friday"]];

/** @param {import("./types.js").Session[]} sessions */
export function calendar(sessions) {
  const grids = months(sessions);
  const marks = new Set(grids.flatMap(({ weeks }) => weeks.flat().map((cell) => cell?.mark)));
  return h("div", { class: "calendar" },
    h("ul", { class: "legend", "aria-label": "What the marks mean" },
      Object.entries(WORDS).filter(([mark]) => marks.has(mark)).map(([mark, [word, sign]]) =>
        h("li", {}, h("span", { class: "day", data: { mark }, "aria-hidden": "true" }, sign || "1"), word))),
    h("div", { class: "months" }, grids.map(monthNode)));
}

/** @param {import("./month_grid.js").Month} month */
function monthNode({ month, weeks }) {
  const [year, number] = month.split("-");
  return h("table", { class: "month" },
    h("caption", {}, `${MONTHS[Number(number) - 1]} ${year}`),
    h("thead", {}, h("tr", {}, DAYS.map(([letter, day]) => h("th", { scope: "col", abbr: day, title: day }, letter)))),
    h("tbody", {}, weeks.map((week) => h("tr", {}, week.map(dayNode)))));
}

/** @param {import("./month_grid.js").Cell | null} cell */
function dayNode(cell) {
  if (!cell?.session) return h("td");
  const [word, sign] = WORDS[cell.mark] ?? [cell.mark, "?"];
  const { rows, missing } = cell.session;
  const told = `${cell.date}: ${word}, ${counted(rows, "row")}${missing ? `, ${count(missing)} bars missing` : ""}`;
  return h("td", { title: told },
    h("span", { class: "day", data: { mark: cell.mark } }, cell.day, sign && h("i", { "aria-hidden": "true" }, sign)),
    h("span", { class: "unseen" }, ` ${told}`));
}
