/** The rows of a chart as a table, for who reads rather than looks. */

import { fill, h } from "./dom.js";
import { value } from "./format.js";
import { clock, dateOf } from "./new_york.js";

const SHOWN = 100;

export function rowsTable() {
  const inside = h("div", { class: "sheet scrolled", tabindex: 0, role: "region", "aria-label": "Rows" });
  const node = h("details", { class: "fold", hidden: true }, h("summary", {}, `The last ${SHOWN} rows as a table`), inside);
  /** @type {import("./rows.js").Rows | null} */
  let rows = null;
  const build = () => node.open && rows && fill(inside, sheet(rows));
  node.addEventListener("toggle", build);
  return {
    node,
    /** @param {import("./rows.js").Rows} next */
    show(next) {
      rows = next;
      node.hidden = next.times.length === 0;
      build();
    },
  };
}

/** @param {import("./rows.js").Rows} rows */
function sheet({ times, columns }) {
  const names = Object.keys(columns).filter((one) => one !== "timestamp");
  const from = Math.max(0, times.length - SHOWN);
  return h("table", {},
    h("caption", { class: "unseen" }, "The last rows, New York time"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "New York"), names.map((one) => h("th", { scope: "col", class: "number" }, one)))),
    h("tbody", {}, Array.from({ length: times.length - from }, (_, i) => {
      const at = times.length - 1 - i;
      return h("tr", {}, h("th", { scope: "row" }, `${dateOf(times[at])} ${clock(times[at])}`),
        names.map((one) => h("td", { class: "number" }, value(columns[one][at]))));
    })));
}
