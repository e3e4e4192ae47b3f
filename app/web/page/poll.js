/** Asking again and again, gently: only while somebody looks, and never faster than the answers come. */

/** Times the last answer's duration that is waited at least. */
const REST = 4;

/**
 * Call `ask` at once and then every `ms`, until `signal` aborts. While the tab is hidden nothing is asked; when it is
 * shown again it is asked at once. `ask` may give the pause that is to follow, or false to end.
 * @param {AbortSignal} signal
 * @param {number} ms
 * @param {() => Promise<number | false | void>} ask must not throw
 */
export async function poll(signal, ms, ask) {
  while (!signal.aborted) {
    await visible(signal);
    if (signal.aborted) return;
    const began = performance.now();
    const told = await ask();
    if (told === false) return;
    await pause(signal, told ?? Math.max(ms, REST * (performance.now() - began)));
  }
}

/** Wait so long, or until `signal` aborts. @param {AbortSignal} signal @param {number} ms @returns {Promise<void>} */
export function pause(signal, ms) {
  return new Promise((done) => {
    if (signal.aborted) return done();
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    }
  });
}

/** Wait until the tab is shown. @param {AbortSignal} signal @returns {Promise<void>} */
export function visible(signal) {
  return new Promise((done) => {
    if (signal.aborted || document.visibilityState === "visible") return done();
    const ended = new AbortController();
    const end = () => {
      if (!signal.aborted && document.visibilityState !== "visible") return;
      ended.abort();
      done();
    };
    document.addEventListener("visibilitychange", end, { signal: ended.signal });
    signal.addEventListener("abort", end, { signal: ended.signal });
  });
}

/** A signal that aborts with `signal`, or when the tab is hidden. @param {AbortSignal} signal */
export function whileVisible(signal) {
  const hidden = new AbortController();
  const look = () => document.visibilityState === "visible" || hidden.abort();
  document.addEventListener("visibilitychange", look, { signal: AbortSignal.any([signal, hidden.signal]) });
  look();
  return AbortSignal.any([signal, hidden.signal]);
}
