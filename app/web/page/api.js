/** Calls of the coordinator, and its errors in its own words. */

import { once, Problem } from "./request.js";
import { token } from "./token.js";
import { askForToken } from "./token_dialog.js";

/**
 * An answer with a status below 400. Throws `Problem` for any other, and what `fetch` throws when `signal` aborts.
 * Where a token is wanted the reader is asked for it, and the call is made again.
 * @param {string} path @param {import("./request.js").Options} [options]
 */
export async function call(path, options = {}) {
  for (;;) {
    const sent = token();
    const response = await once(path, sent, options);
    if (response.status === 401 && (await askForToken(sent))) {
      options.signal?.throwIfAborted();
      continue;
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

/**
 * The answer's JSON.
 * @param {string} path @param {import("./request.js").Options} [options] @returns {Promise<any>}
 */
export async function json(path, options) {
  const response = await call(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Problem(response.status, `the answer of ${path} broke off`);
  }
}

/** The path of a backtest, or of something below it. @param {string} id @param {string} [below] */
export const backtestPath = (id, below = "") => `/backtests/${encodeURIComponent(id)}${below}`;

/** @param {Response} response */
async function problemOf(response) {
  const fallback = `${response.status} ${response.statusText}`.trim();
  try {
    const told = await response.json();
    return new Problem(response.status, String(told.detail ?? fallback), Array.isArray(told.errors) ? told.errors : []);
  } catch {
    return new Problem(response.status, fallback);
  }
}
