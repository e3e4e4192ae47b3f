/** Live topics: how far each is, what was missed, and the way to subscribe. */

import { json } from "./api.js";
import { badge } from "./badges.js";
import { confirm } from "./confirm.js";
import { h, say } from "./dom.js";
import { count, counted, duration, newYork } from "./format.js";
import { quiet, tell } from "./notices.js";
import { poll } from "./poll.js";
import { Problem } from "./request.js";
import { hashOf } from "./router.js";
import { shortName } from "./series_name.js";
import { subscribeForm } from "./subscribe_form.js";
import { table } from "./table.js";

const ASK_EVERY = 2_000;

/** @typedef {import("./types.js").LiveTopic} LiveTopic @typedef {import("./types.js").Gap} Gap */

/** @type {import("./main.js").View} */
export function liveView(root, route, signal) {
  const chosen = route.path[1] ?? null;
  const summary = h("p", { class: "summary", role: "status" });
  const gaps = h("section", { "aria-label": "Gaps" });
  let again = new AbortController();
  const sheet = table("Live topics", columns(end), (one) => one.topic, "Nothing is subscribed.");
  root.append(
    h("h1", {}, "Live"),
    h("details", { class: "panel" }, h("summary", {}, "Subscribe"), subscribeForm(signal, watch)),
    summary, sheet.node, gaps,
  );
  const gapSheet = table("Gaps", gapColumns(), (one) => one.id, "No gap: every row between since and until is there.");

  /** @param {LiveTopic[]} topics */
  function show(topics) {
    sheet.show(topics);
    const behind = topics.reduce((sum, one) => sum + openGaps(one), 0);
    say(summary, `${counted(topics.length, "topic")}, ${counted(behind, "open gap")}${topics[0]?.feed ? `, feed ${topics[0].feed.toLowerCase()}` : ""}`);
    const one = topics.find((topic) => topic.topic === chosen);
    if (!chosen) return;
    if (!gaps.children.length) gaps.append(h("h2", {}, `Gaps of ${shortName(chosen)}`), h("p", { class: "hint" }), gapSheet.node);
    say(/** @type {Element} */ (gaps.querySelector(".hint")), one
      ? `${counted(one.gaps_total, "gap")} so far${one.gaps_total > one.gaps.length ? `, ${one.gaps.length} are told` : ""}. Late trades: ${count(one.late)}; events outside of the hours: ${count(one.outside)}.`
      : `Nobody is subscribed to ${chosen}.`);
    gapSheet.show(one?.gaps ?? []);
  }

  /** @param {string} topic */
  async function end(topic) {
    const sure = await confirm(`End ${topic}?`, "Its rows are kept. Who asks for it again begins a new subscription.", "End it");
    if (!sure) return;
    try {
      quiet("live-end");
      await json(`/live/${encodeURIComponent(topic)}`, { method: "DELETE", signal });
      watch();
    } catch (error) {
      tell("live-end", error, signal);
    }
  }

  function watch() {
    again.abort();
    again = new AbortController();
    const both = AbortSignal.any([signal, again.signal]);
    poll(both, ASK_EVERY, async () => {
      try {
        show(await json("/live", { signal: both }));
        quiet("live");
        return undefined;
      } catch (error) {
        tell("live", error, both);
        return error instanceof Problem && error.status === 401 ? false : undefined;
      }
    });
  }
  watch();
}

/** @param {LiveTopic} one */
const openGaps = (one) => one.gaps.filter((gap) => gap.state === "open").length;

/** @param {(topic: string) => void} end @returns {import("./table.js").Column<LiveTopic>[]} */
function columns(end) {
  return [
    {
      title: "Topic",
      cell: (one) => [h("b", {}, shortName(one.topic)), h("code", { class: "topic" }, one.topic),
        one.contracts !== undefined && h("span", { class: "below always" }, counted(one.contracts, "contract"))],
    },
    { title: "State", cell: (one) => [badge(one.state), one.reason && h("p", { class: "reason" }, one.reason)] },
    { title: "Lag", class: "number", cell: (one) => (one.lag_ms === null ? "–" : one.lag_ms < 1000 ? `${Math.round(one.lag_ms)} ms` : duration(one.lag_ms / 1000)) },
    { title: "Rows", class: "number", cell: (one) => count(one.rows) },
    {
      title: "Whole from, to (New York)", class: "roomy",
      cell: (one) => [span(newYork(one.since)), span(newYork(one.until))],
    },
    { title: "Compared to", class: "roomy", cell: (one) => newYork(one.verified) },
    {
      title: "Gaps",
      cell: (one) => h("a", { href: hashOf(["live", one.topic]), "aria-label": `Gaps of ${shortName(one.topic)}` },
        openGaps(one) ? `${openGaps(one)} open` : `${count(one.gaps_total)}`),
    },
    {
      title: "End",
      cell: (one) => h("button", { type: "button", class: "quiet", "aria-label": `End ${shortName(one.topic)}`, on: { click: () => end(one.topic) } }, "End"),
    },
  ];
}

/** @param {string} text */
const span = (text) => h("span", { class: "line" }, text);

/** @returns {import("./table.js").Column<Gap>[]} */
function gapColumns() {
  return [
    { title: "From (New York)", cell: (one) => newYork(one.from) },
    { title: "To", cell: (one) => newYork(one.to) },
    { title: "State", cell: (one) => [badge(one.state), one.reason && h("p", { class: "reason" }, one.reason)] },
    { title: "Cause", class: "roomy", cell: (one) => one.why.replaceAll("_", " ") },
    { title: "Rows added", class: "number", cell: (one) => count(one.rows) },
  ];
}
