/**
 * What the coordinator answers, as far as this page reads it. docs/api.md says more.
 *
 * @typedef {{rows: number, chunks_done: number, chunks_total: number, eta_seconds: number | null}} Progress
 * @typedef {{topic: string, state: string, rows: number, reason?: string}} Series
 * @typedef {{date: string, rows: number, status: string, missing?: number}} Session
 * @typedef {{topic: string, rows: number, first: string | null, last: string | null,
 *   offsets: Record<string, [number, number]>, sha256: string, sessions: Session[], empty_bars: number,
 *   provider: string, finished_at: string, live?: {topic: string, offset: number, after: string | null}}} Receipt
 * @typedef {{backtest_id: string, state: string, accepted_at?: string, progress: Progress, series: Series[],
 *   receipts?: Receipt[]}} Backtest
 * @typedef {{field: string, message: string, allowed?: string[]}} FieldProblem
 * @typedef {{id: string, from: string, to: string, why: string, state: string, rows: number, reason: string | null,
 *   repaired_to: string | null}} Gap
 * @typedef {{topic: string, schema: string, interval: string | null, state: string, reason: string | null,
 *   since: string | null, until: string | null, verified: string | null, last: string | null,
 *   lag_ms: number | null, rows: number, late: number, outside: number, feed: string | null, gaps: Gap[],
 *   gaps_total: number, contracts?: number}} LiveTopic
 * @typedef {{topic: string, requests: number, listings: number, rows: number, exact: boolean, bytes: number,
 *   seconds: number, sessions: number, listed: boolean, why?: string}} PlannedSeries
 * @typedef {{requests: number, listings: number, rows: number, bytes: number, seconds: number, sessions: number,
 *   refused: {topic: string, reason: string}[], series: PlannedSeries[]}} Plan
 */
export {};
