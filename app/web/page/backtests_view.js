/** All backtests, and the form for a new one. */

import { json } from "./api.js";
import { badge, bar } from "./badges.js";
import { h, say } from "./dom.js";
import { isFinal } from "./follow.js";
import { count, counted, duration, here } from "./format.js";
import { quiet, tell } from "./notices.js";
import { poll } from "./poll.js";
import { Problem } from "./request.js";
import { requestForm } from "./request_form.js";
import { hashOf } from "./router.js";
import { table } from "./table.js";

/** Milliseconds between two questions while something runs, and while nothing does. */
const BUSY = 2_000, IDLE = 5_000;
const STATES = ["accepted", "running", "complete", "partial", "failed", "cancelled"];

/** @typedef {import("./types.js").Backtest} Backtest */
/** What a row tells. @typedef {Omit<Backtest, "series" | "receipts"> & {many: number, at?: string}} Row */

/** @type {import("./main.js").View} */
export function backtestsView(root, _route, signal) {
  const text = h("input", { type: "search", id: "find", placeholder: "id, ticker or schema", autocomplete: "off" });
  const state = h("select", { id: "find-state" },
    h("option", { value: "" }, "any state"), STATES.map((one) => h("option", { value: one }, one)));
  const summary = h("p", { class: "summary", role: "status" });
  const sheet = table("Backtests", columns(), (one) => one.backtest_id, "No backtest yet, or none that this filter finds.");
  /** @type {Backtest[]} */
  let all = [];
  const show = () => {
    const found = all.filter((one) => matches(one, text.value.trim().toLowerCase(), state.value));
    sheet.show(found.map(rowOf));
    const running = all.filter((one) => !isFinal(one.state)).length;
    say(summary, `${counted(all.length, "backtest")}, ${running} running${found.length < all.length ? `, ${found.length} shown` : ""}`);
  };
  text.addEventListener("input", show);
  state.addEventListener("change", show);
  root.append(
    h("h1", {}, "Backtests"),
    h("details", { class: "panel", id: "new" },
      h("summary", {}, "New backtest"),
      requestForm(signal)),
    h("div", { class: "filters" },
      h("label", { for: "find" }, "Find"), text,
      h("label", { for: "find-state" }, "State"), state, summary),
    sheet.node,
  );
  poll(signal, BUSY, async () => {
    try {
      all = await json("/backtests", { signal });
      quiet("backtests");
      show();
      const details = /** @type {HTMLDetailsElement | null} */ (root.querySelector("#new"));
      if (all.length === 0 && details && !details.dataset.seen) details.open = true;
      if (details) details.dataset.seen = "yes";
      return all.some((one) => !isFinal(one.state)) ? undefined : IDLE;
    } catch (error) {
      tell("backtests", error, signal);
      return error instanceof Problem && error.status === 401 ? false : IDLE;
    }
  });
}

/** @returns {import("./table.js").Column<Row>[]} */
function columns() {
  return [
    {
      title: "Backtest",
      cell: (one) => [
        h("a", { href: hashOf(["backtests", one.backtest_id]) }, one.backtest_id),
        h("span", { class: "below" }, counted(one.many, "series", "series")),
        h("span", { class: "below" }, here(one.accepted_at).slice(0, 16)),
      ],
    },
    { title: "State", cell: (one) => badge(one.state) },
    { title: "Progress", class: "wide", cell: (one) => bar(one.progress, one.state, `Progress of ${one.backtest_id}`) },
    { title: "Time left", class: "number roomy", cell: (one) => (one.state === "running" ? duration(one.progress.eta_seconds) : "–") },
    { title: "Rows", class: "number", cell: (one) => count(one.progress.rows) },
    { title: "Series", class: "number roomy", cell: (one) => count(one.many) },
    { title: "Accepted", class: "roomy", cell: (one) => here(one.accepted_at) },
  ];
}

/** @param {Backtest} one @returns {Row} */
const rowOf = ({ series, receipts, ...one }) => ({ ...one, many: series.length });

/** @param {Backtest} one @param {string} text lower case @param {string} state "" for any */
function matches(one, text, state) {
  if (state && one.state !== state) return false;
  return !text || one.backtest_id.includes(text) || one.series.some((series) => series.topic.includes(text));
}
