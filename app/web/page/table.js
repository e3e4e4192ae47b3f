/** Tables whose rows stay the same elements while what they tell changes: no focus or selection is lost by it. */

import { fill, h } from "./dom.js";

/** Rows that are shown at first, and more at each wish: a backtest may have ten thousand series. */
const PAGE = 100;

/**
 * @template T
 * @typedef {{title: string, class?: string, cell: (item: T) => import("./dom.js").Child | import("./dom.js").Child[]}} Column
 */

/**
 * A table with a caption. `show` puts items into it; a row is made anew only when what `mark` gives for it has changed.
 * @template T
 * @param {string} caption
 * @param {Column<T>[]} columns the first is the row's header
 * @param {(item: T) => string} key
 * @param {string} empty what is said when there is nothing
 */
export function table(caption, columns, key, empty) {
  const body = h("tbody");
  const more = h("button", { type: "button", hidden: true });
  const nothing = h("p", { class: "empty", hidden: true }, empty);
  const heads = columns.map((one) => h("th", { scope: "col", class: one.class }, one.title));
  const sheet = h(
    "table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, heads)), body,
  );
  const node = h("div", { class: "sheet" }, sheet, nothing, more);
  /** @type {Map<string, {row: HTMLElement, mark: string}>} */
  let rows = new Map();
  let most = PAGE;
  /** @type {T[]} */
  let items = [];

  /** @param {T[]} next */
  function show(next) {
    items = next;
    /** @type {typeof rows} */
    const kept = new Map();
    for (const item of items.slice(0, most)) {
      const name = key(item);
      const mark = JSON.stringify(item);
      const old = rows.get(name);
      const row = old?.row ?? h("tr", { data: { key: name } });
      if (old?.mark !== mark) cells(row, item);
      kept.set(name, { row, mark });
    }
    order([...kept.values()].map((one) => one.row));
    rows = kept;
    sheet.hidden = items.length === 0;
    nothing.hidden = items.length > 0;
    more.hidden = items.length <= most;
    fill(more, `Show ${Math.min(PAGE, items.length - most)} more of ${items.length - most}`);
  }

  /** @param {HTMLElement[]} wanted */
  function order(wanted) {
    const keep = new Set(wanted);
    for (const row of [...body.children]) if (!keep.has(row)) row.remove();
    wanted.forEach((row, i) => {
      if (body.children[i] !== row) body.insertBefore(row, body.children[i] ?? null);
    });
  }

  /** @param {HTMLElement} row @param {T} item */
  function cells(row, item) {
    const focused = row.contains(document.activeElement) ? document.activeElement : null;
    const at = focused ? [...row.querySelectorAll("a, button")].indexOf(focused) : -1;
    fill(row, columns.map((one, i) => {
      const what = one.cell(item);
      return i === 0 ? h("th", { scope: "row", class: one.class }, what) : h("td", { class: one.class }, what);
    }));
    if (at >= 0) /** @type {HTMLElement | undefined} */ (row.querySelectorAll("a, button")[at])?.focus();
  }

  more.addEventListener("click", () => {
    most += PAGE;
    show(items);
  });
  show([]);
  nothing.hidden = true;
  return { node, show };
}
