/** One backtest: its series as they go on, its receipts, and what can be done with it. */

import { backtestPath, json } from "./api.js";
import { badge, bar } from "./badges.js";
import { confirm } from "./confirm.js";
import { fill, h, say } from "./dom.js";
import { follow, isFinal } from "./follow.js";
import { count, counted, duration, here } from "./format.js";
import { notice, quiet, tell } from "./notices.js";
import { poll } from "./poll.js";
import { receiptNode } from "./receipt.js";
import { Problem } from "./request.js";
import { hashOf } from "./router.js";
import { shortName } from "./series_name.js";
import { table } from "./table.js";

/** Receipts that are unfolded by themselves. */
const UNFOLDED = 2;
/** Milliseconds between two looks at one that is being deleted. */
const LOOK_EVERY = 2_000;

/** @typedef {import("./types.js").Backtest} Backtest @typedef {import("./types.js").Series} Series */

/** @type {import("./main.js").View} */
export function backtestView(root, route, signal) {
  const id = route.path[1];
  const head = h("div", { class: "standing" });
  const live = h("p", { class: "unseen", role: "status" });
  const find = h("input", { type: "search", id: "find-series", placeholder: "ticker or reason", autocomplete: "off" });
  const only = h("select", { id: "series-state" }, h("option", { value: "" }, "any state"),
    ["accepted", "running", "complete", "failed", "cancelled"].map((one) => h("option", { value: one }, one)));
  const filters = h("div", { class: "filters", hidden: true },
    h("label", { for: "find-series" }, "Find"), find, h("label", { for: "series-state" }, "State"), only);
  const sheet = table("Series", columns(id), (one) => one.topic, "No series that this filter finds.");
  const receipts = h("div", { class: "receipts" });
  const actions = actionButtons(id, signal, () => watch(), () => leave());
  root.append(
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "Backtests")),
    h("div", { class: "title" }, h("h1", {}, id), actions.node),
    head, live,
    h("section", { "aria-label": "Series" }, h("h2", {}, "Series"), filters, sheet.node),
    receipts,
  );
  /** @type {Backtest | null} */
  let now = null;
  const shownRows = () => sheet.show((now?.series ?? []).filter((one) => {
    const text = find.value.trim().toLowerCase();
    return (!only.value || one.state === only.value) &&
      (!text || one.topic.includes(text) || (one.reason ?? "").toLowerCase().includes(text));
  }));
  find.addEventListener("input", shownRows);
  only.addEventListener("change", shownRows);

  /** @param {Backtest} told */
  function show(told) {
    // Events tell the same but for the receipts.
    now = { ...now, ...told };
    quiet("backtest");
    say(live, `${id} is ${told.state}`);
    fill(head, badge(told.state), bar(told.progress, told.state, `Progress of ${id}`), h("span", { class: "figures-line" }, [
      counted(told.progress.rows, "row"),
      `${count(told.progress.chunks_done)} of ${counted(told.progress.chunks_total, "chunk")}`,
      told.state === "running" && `${duration(told.progress.eta_seconds)} left`,
      now.accepted_at && `accepted ${here(now.accepted_at)}`,
    ].filter(Boolean).join(" · ")));
    filters.hidden = now.series.length <= 8;
    shownRows();
    actions.show(told.state);
    if (told.receipts) showReceipts(told.receipts);
  }

  let shownReceipts = "";
  /** @param {import("./types.js").Receipt[]} found */
  function showReceipts(found) {
    const mark = found.map((one) => one.topic + one.finished_at).join();
    if (mark === shownReceipts) return;
    shownReceipts = mark;
    fill(receipts, found.length > 0 && h("section", { "aria-label": "Receipts" },
      h("h2", {}, "Receipts"), found.map((one, i) => receiptNode(one, i < UNFOLDED))));
  }

  let watching = new AbortController();
  function watch() {
    watching.abort();
    watching = new AbortController();
    follow(id, AbortSignal.any([signal, watching.signal]), show, (error) => {
      if (error instanceof Problem && error.status === 404) gone();
      else tell("backtest", error, signal);
    });
  }

  /** Its topics are being deleted: until they are gone it is told as it ended. */
  function leave() {
    watching.abort();
    notice("action", `${id} is being deleted with its topics.`, "news");
    poll(signal, LOOK_EVERY, async () => {
      try {
        show(await json(backtestPath(id), { signal }));
      } catch (error) {
        if (error instanceof Problem && error.status === 404) {
          gone();
          return false;
        }
        tell("backtest", error, signal);
      }
      return undefined;
    });
  }

  function gone() {
    quiet("action");
    actions.node.remove();
    fill(head, h("p", {}, now ? "It has been deleted with its topics; its id is free." : `There is no backtest ${id}.`));
    sheet.node.closest("section")?.remove();
    fill(receipts, h("p", {}, h("a", { href: "#/" }, "All backtests")));
  }
  watch();
}

/** @param {string} id @returns {import("./table.js").Column<Series>[]} */
function columns(id) {
  return [
    {
      title: "Series",
      cell: (one) => [h("b", {}, shortName(one.topic)), h("code", { class: "topic" }, one.topic)],
    },
    { title: "State", cell: (one) => [badge(one.state), one.reason && h("p", { class: "reason" }, one.reason)] },
    { title: "Rows", class: "number", cell: (one) => count(one.rows) },
    {
      title: "Chart",
      cell: (one) => one.rows > 0 && h("a", {
        href: hashOf(["backtests", id, "chart", one.topic]), "aria-label": `Chart of ${shortName(one.topic)}`,
      }, "Chart"),
    },
  ];
}

/** Cancel, retry and delete, as far as each makes sense. @param {string} id @param {AbortSignal} signal @param {() => void} done @param {() => void} leaving */
function actionButtons(id, signal, done, leaving) {
  const cancel = h("button", { type: "button", hidden: true }, "Cancel");
  const retry = h("button", { type: "button", hidden: true }, "Retry");
  const remove = h("button", { type: "button", hidden: true }, "Delete");
  const node = h("div", { class: "actions" }, cancel, retry, remove);
  /** @param {string} method @param {string} path @param {() => void} then */
  async function send(method, path, then) {
    try {
      quiet("action");
      await json(path, { method, signal });
      then();
    } catch (error) {
      tell("action", error, signal);
    }
  }
  cancel.addEventListener("click", async () => {
    const sure = await confirm(`Cancel ${id}?`,
      "What runs ends. Rows that are written stay, and a retry goes on from there.", "Cancel the backtest");
    if (sure) send("DELETE", backtestPath(id), done);
  });
  retry.addEventListener("click", () => send("POST", backtestPath(id, "/retry"), done));
  remove.addEventListener("click", async () => {
    const sure = await confirm(`Delete ${id} with its topics?`,
      "All of its rows are deleted from Kafka and its id is free again. This cannot be taken back.", "Delete it with its topics");
    if (sure) send("DELETE", `${backtestPath(id)}?topics=true`, leaving);
  });
  return {
    node,
    /** @param {string} state */
    show(state) {
      cancel.hidden = isFinal(state);
      retry.hidden = !isFinal(state) || state === "complete";
      remove.hidden = false;
    },
  };
}
