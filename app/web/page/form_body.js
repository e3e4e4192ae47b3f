/** From what a form holds to what the API is sent. What is wrong with it the API says: nothing is judged here. */

/** @typedef {Record<string, string | boolean>} Values */

/** Words between commas or spaces. @param {string | boolean | undefined} text */
export const words = (text) => String(text ?? "").split(/[\s,;]+/).filter(Boolean);

/** A number where it is one, else the text as it is. @param {string} text */
export const numeric = (text) => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);

/** The part of a body that says which series are meant. @param {Values} values @param {"stock" | "option"} asset */
export function seriesPart(values, asset) {
  /** @type {Record<string, unknown>} */
  const body = asset === "stock" ? { tickers: words(values.tickers) } : { root: values.root };
  const contracts = asset === "option" ? contractsPart(values) : null;
  if (contracts) body.contracts = contracts;
  body.schema = values.schema;
  if (values.interval) body.interval = values.interval;
  return body;
}

/** A whole request. @param {Values} values @param {"stock" | "option"} asset */
export function requestBody(values, asset) {
  /** @type {Record<string, unknown>} */
  const body = { backtest_id: values.backtest_id, ...seriesPart(values, asset), start: values.start, end: values.end };
  if (values.empty_bars) body.empty_bars = "fill";
  if (values.start_time) body.start_time = withSeconds(values.start_time);
  if (values.end_time) body.end_time = withSeconds(values.end_time);
  if (values.live) body.live = true;
  if (values.retain_days) body.retain_days = numeric(String(values.retain_days));
  return body;
}

/** @param {Values} values */
function contractsPart(values) {
  /** @type {Record<string, unknown>} */
  const found = {};
  const right = values["contracts.right"];
  if (right && right !== "both") found.right = right;
  for (const name of ["max_dte", "strike_range"]) {
    const given = values[`contracts.${name}`];
    if (given) found[name] = numeric(String(given));
  }
  const expirations = words(values["contracts.expirations"]);
  if (expirations.length) found.expirations = expirations;
  const strikes = words(values["contracts.strikes"]);
  if (strikes.length) found.strikes = strikes.map(numeric);
  return Object.keys(found).length ? found : null;
}

/** Browsers leave the seconds out where they are none. @param {string | boolean} time */
const withSeconds = (time) => (/^\d\d:\d\d$/.test(String(time)) ? `${time}:00` : String(time));

/**
 * An id that says what it is of, "aapl-ohlcv1m-0102-153000".
 * @param {Values} values @param {"stock" | "option"} asset @param {Date} now
 */
export function suggestedId(values, asset, now) {
  const first = (asset === "stock" ? words(values.tickers)[0] : String(values.root ?? "")) || asset;
  const symbol = first.toLowerCase().replace(/[^a-z0-9]/g, "") || asset;
  const schema = String(values.schema ?? "").replaceAll("_", "");
  const interval = values.interval && values.interval !== "tick" ? values.interval : "";
  const stamp = now.toISOString().replace(/^\d{4}-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d).*$/, "$1$2-$3$4$5");
  return `${symbol}-${schema}${interval}-${stamp}`.slice(0, 64);
}
