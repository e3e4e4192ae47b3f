/** The platform itself: is it ready, who works, what was not taken, and which topics nobody answers for. */

import { json } from "./api.js";
import { badge } from "./badges.js";
import { fill, h } from "./dom.js";
import { count, counted, here } from "./format.js";
import { quiet, tell } from "./notices.js";
import { poll } from "./poll.js";
import { Problem } from "./request.js";
import { table } from "./table.js";

/** Milliseconds between two questions: about workers, about what changes rarely. */
const OFTEN = 3_000, SELDOM = 15_000;

/**
 * @typedef {Record<string, any> & {role: string}} Worker
 * @typedef {{offset: number, time: string, source?: string, from?: string, reason: string, errors?: {field: string}[],
 *   resubmitted?: boolean}} Letter
 */

/** @type {import("./main.js").View} */
export function platformView(root, _route, signal) {
  const checks = h("dl", { class: "checks" });
  const slots = h("div", { class: "slots" });
  const workers = table("Workers", workerColumns(), (one) => `${one.role}/${one.instance ?? one.host ?? ""}`, "No process tells of itself.");
  const letters = table("Dead letters", letterColumns(), (one) => String(one.offset), "No message was put away.");
  const orphans = table("Orphaned topics", orphanColumns(), (one) => one.topic, "Every data topic is one of a known series.");
  const counts = { letters: h("span", { class: "many" }), orphans: h("span", { class: "many" }) };
  root.append(
    h("h1", {}, "Platform"),
    section("Readiness of the coordinator", checks),
    section("Slots and workers", slots, workers.node),
    section(["Dead letters", counts.letters], h("p", { class: "hint" },
      "Messages on the topic requests that were not taken, the latest first. ", h("code", {}, "python -m app dlq"), " shows one wholly and submits letters again."), letters.node),
    section(["Orphaned topics", counts.orphans], h("p", { class: "hint" },
      "Data topics that nobody answers for. The platform leaves them to you."), orphans.node),
  );
  ask(signal, "ready", OFTEN, async () => {
    const response = await fetch("/health/ready", { cache: "no-store", signal });
    const told = await response.json();
    fill(checks, check("coordinator", told.status, response.ok),
      Object.entries(told.checks ?? {}).map(([name, found]) => check(name.replaceAll("_", " "), String(found), found === "ok")),
      check("provider", String(told.terminal).toLowerCase(), told.terminal === "CONNECTED"));
  });
  ask(signal, "workers", OFTEN, async () => {
    const told = await optional("/workers", signal);
    const list = /** @type {Worker[]} */ (Array.isArray(told) ? told : told?.workers ?? []);
    workers.show(list);
    fill(slots, told === null ? h("p", { class: "empty" }, "This coordinator does not tell of its workers.") : slotBar(list));
  });
  ask(signal, "letters", SELDOM, async () => {
    const told = await optional("/dlq?limit=50", signal);
    letters.show(told?.letters ?? []);
    const many = told?.total ?? told?.letters?.length ?? 0;
    fill(counts.letters, many ? ` ${count(many)}${told?.total === undefined && many === 50 ? " or more" : ""}` : "");
  });
  ask(signal, "orphans", SELDOM, async () => {
    const told = await json("/topics/orphaned", { signal });
    orphans.show(told.orphaned);
    fill(counts.orphans, told.orphaned.length ? ` ${count(told.orphaned.length)}` : "");
  });
}

/** @param {AbortSignal} signal @param {string} key @param {number} ms @param {() => Promise<void>} once */
function ask(signal, key, ms, once) {
  poll(signal, ms, async () => {
    try {
      await once();
      quiet(key);
      return undefined;
    } catch (error) {
      tell(key, error, signal);
      return error instanceof Problem && error.status === 401 ? false : ms;
    }
  });
}

/** What is at a path; null where there is no such thing. @param {string} path @param {AbortSignal} signal */
async function optional(path, signal) {
  try {
    return await json(path, { signal });
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return null;
    throw error;
  }
}

/** @param {string | import("./dom.js").Child[]} title @param {...import("./dom.js").Child} inside */
const section = (title, ...inside) => h("section", {}, h("h2", {}, title), inside);

/** @param {string} name @param {string} found @param {boolean} well */
const check = (name, found, well) =>
  h("div", {}, h("dt", {}, name), h("dd", {}, h("span", { class: "state", data: { state: well ? "ready" : "unready" } }, found)));

/** How many of the account's slots are in use, over all workers. @param {Worker[]} workers */
function slotBar(workers) {
  const with_ = workers.filter((one) => one.slots_limit > 0);
  if (!with_.length) return null;
  const used = sum(with_, "slots_in_use"), limit = Math.max(...with_.map((one) => one.slots_limit));
  const speed = sum(workers, "rows_per_second");
  return h("p", { class: "slot-line" },
    h("span", { class: "slot-boxes", "aria-hidden": "true" }, Array.from({ length: Math.min(limit, 32) }, (_, i) =>
      h("i", { data: { used: i < used ? "yes" : "no" } }))),
    h("span", {}, `${count(used)} of ${counted(limit, "slot")} in use`),
    h("span", { class: "muted" }, `${count(Math.round(speed))} rows/s`),
    h("span", { class: "muted" }, `${count(sum(workers, "series_running"))} series running, ${count(sum(workers, "series_queued") + sum(workers, "series_waiting"))} waiting`));
}

/** @param {Worker[]} workers @param {string} name */
const sum = (workers, name) => workers.reduce((total, one) => total + (Number(one[name]) || 0), 0);

/** @returns {import("./table.js").Column<Worker>[]} */
function workerColumns() {
  const number = (/** @type {Worker} */ one, /** @type {string} */ name) => (one[name] === undefined ? "–" : count(Math.round(one[name])));
  return [
    { title: "Worker", cell: (one) => [h("b", {}, one.role), h("span", { class: "below always" }, one.instance ?? "")] },
    {
      title: "State",
      cell: (one) => [badge(one.ready === false ? "unready" : "ready"),
        Object.entries(one.missing ?? {}).map(([name, why]) => h("p", { class: "reason" }, `${name}: ${why}`))],
    },
    { title: "Slots", class: "number", cell: (one) => (one.slots_limit === undefined ? "–" : `${count(one.slots_in_use ?? 0)} / ${count(one.slots_limit)}`) },
    { title: "Running", class: "number roomy", cell: (one) => number(one, "series_running") },
    { title: "Rows/s", class: "number", cell: (one) => number(one, "rows_per_second") },
    { title: "Provider", class: "roomy", cell: (one) => String(one.provider_state ?? "–").toLowerCase() },
    { title: "Version", class: "roomy", cell: (one) => one.version ?? "–" },
    { title: "Last heard", class: "roomy", cell: (one) => here(one.at) },
  ];
}

/** @returns {import("./table.js").Column<Letter>[]} */
function letterColumns() {
  return [
    { title: "Letter", cell: (one) => `#${one.offset}` },
    { title: "Put away", class: "roomy", cell: (one) => here(one.time) },
    { title: "From", class: "roomy", cell: (one) => h("code", {}, one.source ?? one.from ?? "–") },
    { title: "Reason", class: "wide", cell: (one) => one.reason },
    { title: "Again", cell: (one) => (one.resubmitted ? "yes" : "no") },
  ];
}

/** @returns {import("./table.js").Column<{topic: string, backtest_id: string}>[]} */
function orphanColumns() {
  return [
    { title: "Topic", cell: (one) => h("code", {}, one.topic) },
    { title: "Backtest id", cell: (one) => one.backtest_id },
  ];
}
