/** One request to the coordinator, and what it may be refused with. */

/** What a call was refused with (RFC 9457). `status` is 0 when nobody answered. */
export class Problem extends Error {
  /** @param {number} status @param {string} detail @param {import("./types.js").FieldProblem[]} [errors] */
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/**
 * @typedef {{method?: string, body?: unknown, accept?: string, signal?: AbortSignal,
 *   headers?: Record<string, string>}} Options
 */

/**
 * One request, whatever it answers.
 * @param {string} path @param {string} bearer @param {Options} options
 */
export async function once(path, bearer, { method = "GET", body, accept = "application/json", signal, headers }) {
  try {
    return await fetch(path, {
      method,
      signal,
      cache: "no-store",
      headers: {
        Accept: accept,
        ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem(0, "the coordinator does not answer at this address; this page tries again");
  }
}
