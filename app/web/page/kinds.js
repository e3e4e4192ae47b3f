/** Which kinds of records there are, with which intervals, and how each is drawn at first. */

const BARS = ["1s", "5s", "10s", "15s", "30s", "1m", "5m", "10m", "15m", "30m", "1h"];
const CHANGES = ["tick", ...BARS];

/** @typedef {"candles" | "lines" | "points"} Mark */
/**
 * @typedef {{intervals: string[], usual: string | null, mark: Mark, columns: string[], volume?: string,
 *   options?: true, live?: string[]}} Kind
 */

/** @type {Record<string, Kind>} */
export const KINDS = {
  ohlcv: { intervals: BARS, usual: "1m", mark: "candles", columns: ["close"], volume: "volume", live: BARS },
  quote: { intervals: CHANGES, usual: "tick", mark: "lines", columns: ["bid", "ask"], live: ["tick"] },
  trade: { intervals: [], usual: null, mark: "points", columns: ["price"], volume: "size", live: [] },
  trade_quote: { intervals: [], usual: null, mark: "points", columns: ["price", "bid", "ask"], volume: "size" },
  eod: { intervals: [], usual: null, mark: "lines", columns: ["close"], volume: "volume" },
  open_interest: { intervals: [], usual: null, mark: "lines", columns: ["open_interest"], options: true },
  greeks: { intervals: CHANGES, usual: "1m", mark: "lines", columns: ["delta"], options: true },
  implied_volatility: { intervals: CHANGES, usual: "1m", mark: "lines", columns: ["implied_vol"], options: true },
};
export const OHLC = ["open", "high", "low", "close"];

/** The schemas of an asset; of those that are served live. @param {"stock" | "option"} asset @param {boolean} [live] */
export const schemasOf = (asset, live = false) =>
  Object.keys(KINDS).filter((name) => (asset === "option" || !KINDS[name].options) && (!live || KINDS[name].live));

/** What an interval may be; none when the schema has none. @param {string} schema @param {boolean} [live] */
export const intervalsOf = (schema, live = false) => (live ? KINDS[schema].live ?? [] : KINDS[schema].intervals);
