/** What a topic's name says: names parse back into their parts (docs/topics.md). */

const INTERVAL = /(?:1|5|10|15|30)s$|(?:1|5|10|15|30)m$|1h$/;

/**
 * @typedef {{asset: "stock" | "option", symbol: string, schema: string, interval: string | null,
 *   backtestId: string | null}} SeriesName
 */

/** The parts of a data topic's name; null when it is none. @param {string} topic @returns {SeriesName | null} */
export function parseTopic(topic) {
  const found = /^(stock|option)-([^-]+)-([a-z_0-9]+?)-(?:historical-(.+)|live)$/.exec(topic);
  if (!found) return null;
  const [, asset, symbol, kind, id] = found;
  const interval = INTERVAL.exec(kind)?.[0] ?? null;
  return {
    asset: /** @type {"stock" | "option"} */ (asset),
    symbol: symbol.replace(/\.\.([0-9a-f]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))).toUpperCase(),
    schema: interval ? kind.slice(0, -interval.length) : kind,
    interval,
    backtestId: id ?? null,
  };
}

/** "AAPL ohlcv 1m", or the topic itself. @param {string} topic */
export function shortName(topic) {
  const name = parseTopic(topic);
  return name ? [name.symbol, name.schema, name.interval].filter(Boolean).join(" ") : topic;
}

/** The record's name in `/schemas`, "StockOhlcv". @param {SeriesName} name */
export function recordOf(name) {
  const words = [name.asset, ...name.schema.split(/[_-]/)];
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
}

/** Milliseconds of an interval; null for ticks. @param {string | null} interval */
export function stepOf(interval) {
  const found = /^(\d+)([smh])$/.exec(interval ?? "");
  if (!found) return null;
  return Number(found[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[/** @type {"s" | "m" | "h"} */ (found[2])];
}
