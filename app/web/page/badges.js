/** States as words with a mark, and progress as a bar. */

import { h } from "./dom.js";

/** @param {string} state */
export const badge = (state) => h("span", { class: "state", data: { state } }, state.replaceAll("_", " "));

/**
 * A bar for the chunks that are done; a series without any is whole when its backtest is.
 * @param {import("./types.js").Progress} progress @param {string} state @param {string} label
 */
export function bar(progress, state, label) {
  const done = share(progress, state);
  const percent = `${Math.floor(done * 100)} %`;
  return h("span", { class: "bar" },
    h("progress", { max: 1, value: done.toFixed(4), "aria-label": label, "data-state": state }),
    h("span", { class: "percent" }, percent));
}

/** Between 0 and 1. @param {import("./types.js").Progress} progress @param {string} state */
export function share(progress, state) {
  if (state === "complete") return 1;
  return progress.chunks_total ? Math.min(1, progress.chunks_done / progress.chunks_total) : 0;
}
