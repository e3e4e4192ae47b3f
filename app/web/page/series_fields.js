/** The fields that say which series are meant; a new backtest and a live subscription share them. */

import { h, newId } from "./dom.js";
import { field, options, select, textInput } from "./fields.js";
import { intervalsOf, KINDS, schemasOf } from "./kinds.js";

/**
 * The fields, and a function that is called when the asset or the schema is another one.
 * @param {boolean} live only what is served live
 * @param {(asset: "stock" | "option", schema: string) => void} [changed]
 */
export function seriesFields(live, changed) {
  const group = newId("asset");
  const assets = ["stock", "option"].map((value) => {
    const input = h("input", { type: "radio", name: group, value, id: `${group}-${value}`, checked: value === "stock" });
    return { input, label: h("label", { for: `${group}-${value}` }, value === "stock" ? "Stocks" : "Options") };
  });
  const schema = select([]), interval = select([]);
  const tickers = field("tickers", "Tickers", textInput({ placeholder: "AAPL, MSFT" }), "Separated by commas or spaces.");
  const root = field("root", "Root", textInput({ placeholder: "SPXW" }), "One root; all of its contracts go into one topic.");
  const intervals = field("interval", "Interval", interval);
  const contracts = contractFields();
  const asset = () => /** @type {"stock" | "option"} */ (assets.find((one) => one.input.checked)?.input.value ?? "stock");

  function adapt() {
    const now = asset();
    options(schema, schemasOf(now, live));
    const kind = KINDS[schema.value];
    const offered = intervalsOf(schema.value, live);
    options(interval, offered, offered.includes(kind.usual ?? "") ? kind.usual : null);
    intervals.hidden = offered.length === 0;
    tickers.hidden = now === "option";
    root.hidden = contracts.hidden = now === "stock";
    changed?.(now, schema.value);
  }
  for (const one of assets) one.input.addEventListener("change", adapt);
  schema.addEventListener("change", () => {
    // An interval of one schema says nothing of the next one's.
    interval.value = "";
    adapt();
  });
  const node = [
    h("fieldset", { class: "choice" }, h("legend", {}, "Asset"), assets.map((one) => [one.input, one.label]).flat()),
    h("div", { class: "grid" }, tickers, root, field("schema", "Schema", schema), intervals),
    contracts,
  ];
  adapt();
  return { node, asset };
}

function contractFields() {
  return h("fieldset", { class: "contracts" },
    h("legend", {}, "Contracts"),
    h("p", { class: "hint" }, "With everything left empty the whole chain is meant."),
    h("div", { class: "grid" },
      field("contracts.right", "Right", select(["both", "call", "put"])),
      field("contracts.max_dte", "Days to expiration, at most", textInput({ inputmode: "numeric" })),
      field("contracts.strike_range", "Strikes each side of the money", textInput({ inputmode: "numeric" })),
      field("contracts.expirations", "Expirations", textInput({ placeholder: "2024-03-15" }), "Dates, separated by commas."),
      field("contracts.strikes", "Strikes", textInput({ placeholder: "4800, 4805" }), "Dollars, separated by commas.")));
}
