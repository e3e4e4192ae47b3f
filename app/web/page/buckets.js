/** Rows put together where there are more of them than can be seen. */

/**
 * How many rows one mark stands for: a power of two, so that marks do not swim while the chart is moved.
 * @param {number} rows in sight @param {number} marks there is room for
 */
export function bucketSize(rows, marks) {
  let size = 1;
  while (rows / size > Math.max(1, marks)) size *= 2;
  return size;
}

/**
 * The bar of the rows from `i` to `j`: the first open, the highest high, the lowest low, the last close.
 * @param {Record<"open" | "high" | "low" | "close", Float64Array>} bars @param {number} i @param {number} j exclusive
 */
export function barOf(bars, i, j) {
  let high = -Infinity, low = Infinity;
  for (let at = i; at < j; at += 1) {
    if (bars.high[at] > high) high = bars.high[at];
    if (bars.low[at] < low) low = bars.low[at];
  }
  return { open: bars.open[i], high, low, close: bars.close[j - 1] };
}

/** @param {Float64Array} values @param {number} i @param {number} j exclusive */
export function sumOf(values, i, j) {
  let sum = 0;
  for (let at = i; at < j; at += 1) if (values[at] > 0) sum += values[at];
  return sum;
}

/**
 * The groups that the rows from `from` to `to` fall into, aligned to whole multiples of `size`.
 * @param {number} from @param {number} to exclusive @param {number} size @param {number} total rows that there are
 * @returns {[number, number][]}
 */
export function groups(from, to, size, total) {
  /** @type {[number, number][]} */
  const found = [];
  for (let i = Math.floor(from / size) * size; i < to; i += size) found.push([i, Math.min(i + size, total)]);
  return found;
}
