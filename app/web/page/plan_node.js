/** What a request would do, as a table. */

import { h } from "./dom.js";
import { bytes, count, counted, duration } from "./format.js";
import { shortName } from "./series_name.js";
import { table } from "./table.js";

/** @typedef {import("./types.js").PlannedSeries} PlannedSeries */

/** @param {import("./types.js").Plan} plan */
export function planNode(plan) {
  const exact = plan.series.every((one) => one.exact);
  const sheet = table("Plan by series", columns(), (one) => one.topic, "No series would run.");
  sheet.show(plan.series.filter((one) => one.requests || one.rows));
  return h("div", { class: "plan" },
    h("dl", { class: "figures" },
      figure("Requests", count(plan.requests + plan.listings)),
      figure("Rows", `${exact ? "" : "about "}${count(plan.rows)}`),
      figure("Bytes", `${exact ? "" : "about "}${bytes(plan.bytes)}`),
      figure("Time", duration(plan.seconds)),
      figure("Sessions", count(plan.sessions))),
    plan.refused.length > 0 && h("div", { class: "refused" },
      h("p", { class: "wrong" }, `${counted(plan.refused.length, "series", "series")} would be refused:`),
      h("ul", {}, plan.refused.map((one) => h("li", {}, h("b", {}, shortName(one.topic)), ` ${one.reason}`)))),
    plan.series.filter((one) => !one.listed && one.why).slice(0, 5).map((one) =>
      h("p", { class: "hint" }, `${shortName(one.topic)}: its size is a guess, ${one.why}`)),
    sheet.node);
}

/** @param {string} name @param {string} value */
export const figure = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

/** @returns {import("./table.js").Column<PlannedSeries>[]} */
function columns() {
  return [
    { title: "Series", cell: (one) => shortName(one.topic) },
    { title: "Requests", class: "number", cell: (one) => count(one.requests + one.listings) },
    { title: "Rows", class: "number", cell: (one) => `${one.exact ? "" : "~"}${count(one.rows)}` },
    { title: "Bytes", class: "number", cell: (one) => bytes(one.bytes) },
    { title: "Time", class: "number roomy", cell: (one) => duration(one.seconds) },
  ];
}
