/** A receipt: what was written, and how it can be checked. */

import { calendar } from "./calendar.js";
import { copyButton } from "./copy.js";
import { h } from "./dom.js";
import { count, counted, here, newYork } from "./format.js";
import { shortName } from "./series_name.js";

/** A receipt that unfolds; its inside is made when it is first looked at. @param {import("./types.js").Receipt} receipt @param {boolean} open */
export function receiptNode(receipt, open) {
  const node = h("details", { class: "receipt" },
    h("summary", {}, h("b", {}, shortName(receipt.topic)), ` ${counted(receipt.rows, "row")}`, spoiled(receipt)));
  const unfold = () => {
    if (node.open && node.children.length === 1) node.append(inside(receipt));
  };
  node.addEventListener("toggle", unfold);
  node.open = open;
  unfold();
  return node;
}

/** @param {import("./types.js").Receipt} receipt */
function spoiled({ sessions }) {
  const empty = sessions.filter((one) => one.status === "no_data").length;
  const missing = sessions.filter((one) => one.missing).length;
  const said = [empty && counted(empty, "session without data", "sessions without data"),
    missing && counted(missing, "session with bars missing", "sessions with bars missing")].filter(Boolean);
  return said.length ? h("span", { class: "warned" }, said.join(", ")) : null;
}

/** @param {import("./types.js").Receipt} receipt */
function inside(receipt) {
  const offsets = Object.entries(receipt.offsets).map(([partition, [from, to]]) => `${partition}: ${from} to ${to}`);
  return h("div", { class: "inside" },
    h("dl", { class: "facts" }, [
      fact("Rows", count(receipt.rows)),
      fact("First", receipt.first ? `${newYork(receipt.first)} New York` : "–"),
      fact("Last", receipt.last ? `${newYork(receipt.last)} New York` : "–"),
      fact("Offsets", offsets.join("; ")),
      receipt.empty_bars > 0 && fact("Empty bars", `${count(receipt.empty_bars)} not written`),
      fact("sha256", h("code", { class: "digest" }, receipt.sha256), copyButton(receipt.sha256, "the digest")),
      fact("Topic", h("code", {}, receipt.topic), copyButton(receipt.topic, "the topic's name")),
      receipt.live && fact("Goes on in", h("code", {}, receipt.live.topic),
        ` from offset ${receipt.live.offset}${receipt.live.after ? `, after ${newYork(receipt.live.after)}` : ""}`),
      fact("Provider", receipt.provider),
      fact("Finished", here(receipt.finished_at))].flat()),
    calendar(receipt.sessions));
}

/** @param {string} name @param {...import("./dom.js").Child} value */
const fact = (name, ...value) => [h("dt", {}, name), h("dd", {}, value)];
