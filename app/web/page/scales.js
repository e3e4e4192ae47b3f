/** From values to pixels, and the round values that an axis names. */

/** A straight map of [from, to] to [a, b]. @param {number} from @param {number} to @param {number} a @param {number} b */
export function linear(from, to, a, b) {
  const slope = to === from ? 0 : (b - a) / (to - from);
  const scale = (/** @type {number} */ value) => (slope ? a + (value - from) * slope : (a + b) / 2);
  const back = (/** @type {number} */ pixel) => (slope ? from + (pixel - a) / slope : from);
  return Object.assign(scale, { back });
}

/** About so many round values between two, ascending. @param {number} low @param {number} high @param {number} about */
export function niceTicks(low, high, about) {
  const step = niceStep((high - low) / Math.max(1, about));
  if (!(step > 0) || !Number.isFinite(step)) return [];
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  // Whole multiples: sums of steps would gather errors.
  return Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * step, step));
}

/** The least of 1, 2, 5 times a power of ten that is not below `rough`. @param {number} rough */
export function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const found = [1, 2, 5, 10].find((one) => one * power >= rough * (1 - 1e-9)) ?? 10;
  return found * power;
}

/** Decimals that values at such a distance need. @param {number} step */
export const decimals = (step) => Math.max(0, Math.min(8, -Math.floor(Math.log10(step) + 1e-9)));

/** @param {number} value @param {number} step */
const round = (value, step) => Number(value.toFixed(decimals(step)));

/** The least and the greatest of some values between two indexes; null when there is none. @param {Float64Array[]} columns @param {number} from @param {number} to */
export function extent(columns, from, to) {
  let low = Infinity, high = -Infinity;
  for (const values of columns) {
    for (let i = from; i < to; i += 1) {
      if (values[i] < low) low = values[i];
      if (values[i] > high) high = values[i];
    }
  }
  return low <= high ? { low, high } : null;
}
