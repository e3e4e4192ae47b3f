/** A backtest as it goes on: by events while there are some, else by asking. */

import { backtestPath, call, json } from "./api.js";
import { EventParser, messages } from "./event_stream.js";
import { pause, poll, visible, whileVisible } from "./poll.js";
import { Problem } from "./request.js";

const FINAL = new Set(["complete", "partial", "failed", "cancelled"]);
/** Milliseconds between two questions where there are no events, and before a stream that broke is opened again. */
const ASK_EVERY = 2_000;
const OPEN_AGAIN = 1_500;
/** Milliseconds until it is asked once more after its events have ended. */
const SOON = 100;

/** Whether nothing more will come of it. @param {string} state */
export const isFinal = (state) => FINAL.has(state);

/**
 * Tell `told` of the backtest until it is final. The last it tells has the receipts.
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(backtest: import("./types.js").Backtest) => void} told
 * @param {(error: unknown) => void} failed called for what a call threw; it is tried again unless the id is unknown
 */
export async function follow(id, signal, told, failed) {
  const parser = new EventParser();
  let events = true;
  await poll(signal, ASK_EVERY, async () => {
    try {
      const now = await json(backtestPath(id), { signal });
      told(now);
      if (isFinal(now.state)) return false;
      if (!events) return undefined;
      events = await listen(id, whileVisible(signal), parser, told);
      // Asked once more for the receipts, which events do not tell; or because the stream broke.
      return SOON;
    } catch (error) {
      if (signal.aborted) return false;
      failed(error);
      return error instanceof Problem && (error.status === 404 || error.status === 401) ? false : undefined;
    }
  });
}

/**
 * Listen to the events until they end; false when there are none to listen to.
 * @param {string} id @param {AbortSignal} signal @param {EventParser} parser
 * @param {(backtest: import("./types.js").Backtest) => void} told
 */
async function listen(id, signal, parser, told) {
  try {
    const response = await call(backtestPath(id, "/events"), {
      accept: "text/event-stream",
      signal,
      headers: parser.id ? { "Last-Event-ID": parser.id } : {},
    });
    if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) return false;
    let final = false;
    for await (const message of messages(response, parser)) {
      const now = JSON.parse(message.data);
      if (now.series) told(now);
      final = isFinal(now.state);
    }
    if (!final) await pause(signal, OPEN_AGAIN);
  } catch (error) {
    if (error instanceof Problem) return false;
    // The tab was hidden, or the connection broke.
    if (signal.aborted) await visible(signal);
    else await pause(signal, OPEN_AGAIN);
  }
  return true;
}
