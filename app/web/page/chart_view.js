/** The chart of a series: which rows, what of them, and how they are drawn. */

import { backtestPath, json } from "./api.js";
import { Chart } from "./chart.js";
import { axisOf, columnsToRead, drawn, lastSessions, marksOf, numericColumns } from "./chart_window.js";
import { copyButton } from "./copy.js";
import { fill, h, say } from "./dom.js";
import { field, options, select, textInput, valuesOf } from "./fields.js";
import { count, counted, value } from "./format.js";
import { KINDS } from "./kinds.js";
import { quiet, tell } from "./notices.js";
import { dateOf } from "./new_york.js";
import { readout } from "./readout.js";
import { hashOf, replaceHash } from "./router.js";
import { loadRows, MOST_ROWS, spoken } from "./rows.js";
import { parseTopic, shortName } from "./series_name.js";
import { rowsTable } from "./rows_table.js";

/** Rows that a chart begins with; and rows of a chain that are looked at for its contracts. */
const AT_FIRST = 10_000, SAMPLE = 4_000;

/** @typedef {import("./series_name.js").SeriesName} SeriesName */

/** @type {import("./main.js").View} */
export function chartView(root, route, signal) {
  const [, id, , topic] = route.path;
  const name = parseTopic(topic);
  root.append(
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Backtests"), " / ", h("a", { href: hashOf(["backtests", id]) }, id)),
    h("h1", {}, shortName(topic)),
  );
  if (!name) root.append(h("p", {}, `${topic} is not the name of a data topic.`));
  else new ChartPage(root, id, topic, name, route.query, signal).begin();
}

class ChartPage {
  /**
   * @param {HTMLElement} root @param {string} id @param {string} topic @param {SeriesName} name
   * @param {URLSearchParams} query @param {AbortSignal} signal
   */
  constructor(root, id, topic, name, query, signal) {
    this.id = id;
    this.topic = topic;
    this.name = name;
    this.query = query;
    this.signal = signal;
    this.kind = KINDS[name.schema] ?? KINDS.eod;
    this.known = /** @type {string[]} */ ([]);
    this.rows = /** @type {import("./rows.js").Rows | null} */ (null);
    this.axis = /** @type {import("./session_axis.js").SessionAxis | null} */ (null);
    this.reading = new AbortController();
    this.#build(root);
    this.chart = new Chart(this.canvas, signal, (row, byKey) => this.#pointed(row, byKey));
  }

  /** @param {HTMLElement} root */
  #build(root) {
    this.mark = select(this.kind.mark === "candles" ? ["candles"] : ["lines"]);
    this.contracts = h("datalist", { id: "contracts" });
    this.columns = h("fieldset", { class: "columns" }, h("legend", { class: "unseen" }, "Columns"));
    const load = h("button", { type: "submit", class: "main" }, "Load");
    this.form = /** @type {HTMLFormElement} */ (h("form", { class: "window", novalidate: true, "aria-label": "Rows of the chart" },
      field("start", "From", h("input", { type: "date", value: this.query.get("start") ?? "" })),
      field("end", "To", h("input", { type: "date", value: this.query.get("end") ?? "" })),
      this.name.asset === "option" && field("contract", "Contract",
        textInput({ list: "contracts", value: this.query.get("contract") ?? "", placeholder: "OCC symbol" })),
      field("mark", "Draw", this.mark),
      h("details", { class: "fold pick" }, h("summary", {}, "Columns"), this.columns),
      load, this.contracts));
    this.said = h("p", { class: "summary", role: "status" });
    this.values = h("p", { class: "readout" });
    this.spoken = h("p", { class: "unseen", role: "status" });
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", {
      class: "chart", tabindex: 0, role: "application", "aria-roledescription": "chart", "aria-label": `Chart of ${shortName(this.topic)}`,
      "aria-describedby": "chart-keys",
    }));
    const button = (/** @type {string} */ text, /** @type {string} */ label, /** @type {() => void} */ act) =>
      h("button", { type: "button", "aria-label": label, title: label, on: { click: act } }, text);
    const tools = h("div", { class: "tools", role: "group", "aria-label": "Move the chart" },
      button("−", "Zoom out", () => this.chart.zoom(1 / 1.6)), button("+", "Zoom in", () => this.chart.zoom(1.6)),
      button("◂", "To the left", () => this.chart.pan(-(this.chart.to - this.chart.from) / 3)),
      button("▸", "To the right", () => this.chart.pan((this.chart.to - this.chart.from) / 3)),
      button("All", "Everything", () => this.chart.all()));
    this.table = rowsTable();
    const path = `${location.origin}${backtestPath(this.id, "/data")}?series=${encodeURIComponent(this.topic)}`;
    root.append(this.form, h("div", { class: "above" }, this.values, tools), this.canvas, this.spoken,
      h("p", { class: "hint", id: "chart-keys" },
        "New York time. Drag or wheel; on the chart ← → step, shift moves, + − zoom, 0 shows all, Home and End go to the ends."),
      this.said, this.table.node,
      h("details", { class: "fold" }, h("summary", {}, "Read the whole series from a shell"),
        [["csv", "csv"], ["parquet", "parquet"], ["arrow", "arrows"]].map(([format, end]) => {
          const line = `curl -o ${this.topic}.${end} '${path}&format=${format}'`;
          return h("p", { class: "command" }, h("code", {}, line), copyButton(line, `the command for ${format}`));
        })));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.load();
    });
    this.mark.addEventListener("change", () => this.draw());
    this.columns.addEventListener("change", () => this.#chosen());
  }

  async begin() {
    try {
      const [backtest, schemas] = await Promise.all([
        json(backtestPath(this.id), { signal: this.signal }), json("/schemas", { signal: this.signal })]);
      this.known = numericColumns(schemas, this.name);
      this.#offer();
      const receipt = backtest.receipts?.find((/** @type {any} */ one) => one.topic === this.topic);
      const chain = this.name.asset === "option";
      // A chain's rows are those of all its contracts: how many one of them has nobody knows before.
      const first = lastSessions(receipt?.sessions ?? [], chain ? 1 : AT_FIRST);
      const [start, end] = ["start", "end"].map((one) => /** @type {HTMLInputElement} */ (this.form.elements.namedItem(one)));
      if (!start.value && first) start.value = first.start;
      if (!end.value && first) end.value = first.end;
      await this.load();
    } catch (error) {
      tell("chart", error, this.signal);
    }
  }

  /** The columns and the ways in which they can be drawn. */
  #offer() {
    const asked = this.query.get("columns")?.split(",").filter((one) => this.known.includes(one)) ?? [];
    const chosen = asked.length ? asked : this.kind.columns.filter((one) => this.known.includes(one));
    this.columns.append(...this.known.map((one) => h("label", {}, h("input", {
      type: "checkbox", value: one, checked: chosen.includes(one), name: `column.${one}`,
    }), ` ${one}`)));
    options(this.mark, marksOf(this.known), this.kind.mark);
    this.mark.value = marksOf(this.known).find((one) => one === this.query.get("mark")) ?? this.kind.mark;
  }

  get chosen() {
    return [...this.columns.querySelectorAll("input:checked")].map((one) => /** @type {HTMLInputElement} */ (one).value);
  }

  /** Another choice of columns: what is there already is drawn, else it is read. */
  #chosen() {
    const there = this.rows?.columns ?? {};
    if (/** @type {string} */ (this.mark.value) === "candles") this.mark.value = "lines";
    if (this.chosen.every((one) => there[one])) this.draw();
    else this.load();
  }

  async load() {
    this.reading.abort();
    this.reading = new AbortController();
    const signal = AbortSignal.any([this.signal, this.reading.signal]);
    const given = valuesOf(this.form);
    const window = { topic: this.topic, start: String(given.start), end: String(given.end) };
    let contract = String(given.contract ?? "");
    quiet("chart");
    this.canvas.setAttribute("aria-busy", "true");
    try {
      if (this.name.asset === "option") contract = (await this.#contracts(window, contract, signal)) || contract;
      const columns = columnsToRead(this.name.schema, this.chosen, this.known);
      say(this.said, "Reading …");
      this.rows = await loadRows(this.id, { ...window, contract, columns }, signal, (rows) => say(this.said, `Reading: ${counted(rows, "row")}`));
      this.axis = axisOf(this.rows, this.name);
      this.draw();
    } catch (error) {
      if (signal.aborted) return;
      say(this.said, "");
      tell("chart", error, signal);
    } finally {
      if (!signal.aborted) this.canvas.removeAttribute("aria-busy");
    }
  }

  /**
   * Offer the contracts that the window begins with; when none is named, the one in their middle.
   * @param {{topic: string, start: string, end: string}} window @param {string} named @param {AbortSignal} signal
   */
  async #contracts(window, named, signal) {
    say(this.said, "Looking for contracts …");
    const columns = ["timestamp", "root", "expiration", "strike", "right"];
    const { contracts } = await loadRows(this.id, { ...window, columns, limit: SAMPLE }, signal, () => undefined);
    fill(this.contracts, contracts.map((one) => h("option", { value: one }, spoken(one))));
    if (named) return named;
    const input = /** @type {HTMLInputElement} */ (this.form.elements.namedItem("contract"));
    input.value = middle(contracts);
    return input.value;
  }

  draw() {
    const { rows, axis, name } = this;
    if (!rows || !axis) return;
    const mark = /** @type {import("./kinds.js").Mark} */ (this.mark.value);
    this.marks = drawn(rows, name.schema, mark, this.chosen);
    this.chart.show(axis, this.marks);
    const given = valuesOf(this.form);
    replaceHash(hashOf(["backtests", this.id, "chart", this.topic], {
      start: String(given.start), end: String(given.end), contract: String(given.contract ?? ""),
      columns: this.chosen.join(",") === this.kind.columns.join(",") ? "" : this.chosen.join(","),
      mark: mark === this.kind.mark ? "" : mark,
    }));
    const n = rows.times.length;
    say(this.said, n === 0 ? "No rows in this window."
      : `${counted(n, "row")}, ${counted(axis.segments.length, "session")}${rows.more
        ? `. There are more in this window than the ${count(MOST_ROWS)} that are read at once: choose a shorter one.` : ""}`);
    this.canvas.setAttribute("aria-label", this.#summary(rows, n));
    this.table.show(rows);
    this.#pointed(-1, false);
  }

  /** @param {import("./rows.js").Rows} rows @param {number} n */
  #summary(rows, n) {
    const values = rows.columns.close ?? rows.columns[this.chosen[0]];
    if (!n || !values) return `Chart of ${shortName(this.topic)}: no rows`;
    const [low, high] = [rows.columns.low ?? values, rows.columns.high ?? values].map((one, i) =>
      one.reduce((a, b) => (Number.isNaN(b) ? a : i ? Math.max(a, b) : Math.min(a, b)), i ? -Infinity : Infinity));
    return `Chart of ${shortName(this.topic)}: ${counted(n, "row")} from ${dateOf(rows.times[0])} to ` +
      `${dateOf(rows.times[n - 1])}, between ${value(low)} and ${value(high)}, the last ${value(values[n - 1])}`;
  }

  /** @param {number} row @param {boolean} byKey */
  #pointed(row, byKey) {
    if (!this.rows || !this.marks) return;
    readout(this.values, this.rows, this.marks, row, this.name.schema === "eod" || this.name.schema === "open_interest");
    if (byKey) say(this.spoken, this.values.textContent ?? "");
  }
}

/** A contract from the middle of a chain: calls first, by expiration and strike. @param {string[]} contracts */
function middle(contracts) {
  const calls = contracts.filter((one) => one[12] === "C");
  const from = calls.length ? calls : contracts;
  const first = from.filter((one) => one.slice(0, 12) === from[0].slice(0, 12));
  return first[Math.floor(first.length / 2)] ?? "";
}
