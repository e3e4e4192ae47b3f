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
 * The groups of `size` rows, or less, that the rows from `from` to `to` fall into. They are counted from the beginning
 * of each session, so that none has rows of two; where sessions have only a few rows each, from the very first row.
 * @param {number} from @param {number} to exclusive @param {number} size @param {number} total rows that there are
 * @param {number[]} firsts the first row of each session, ascending
 * @returns {[number, number][]}
 */
export function groups(from, to, size, total, firsts) {
  const begins = total / Math.max(1, firsts.length) >= 2 * size ? firsts : [0];
  /** @type {[number, number][]} */
  const found = [];
  begins.forEach((first, k) => {
    const end = begins[k + 1] ?? total;
    if (end <= from || first >= to) return;
    const begin = first + Math.max(0, Math.floor((from - first) / size)) * size;
    for (let i = begin; i < Math.min(to, end); i += size) found.push([i, Math.min(i + size, end)]);
  });
  return found;
}
