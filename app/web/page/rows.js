/** Rows of a series as columns of numbers, read as they arrive. */

import { backtestPath, call } from "./api.js";
import { CsvReader } from "./csv.js";
import { Problem } from "./request.js";

/** Rows that are read at the most: what a page can hold and draw at once. */
export const MOST_ROWS = 50_000;
const TIME = "timestamp";

/**
 * Columns of rows: `times` are milliseconds since 1970, UTC; an empty cell is NaN. `contracts` are those that occur, by
 * OCC symbol, empty for stocks. `more`: there are rows beyond those that were read.
 * @typedef {{times: Float64Array, columns: Record<string, Float64Array>, contracts: string[], more: boolean}} Rows
 * @typedef {{topic: string, start?: string, end?: string, contract?: string, columns?: string[], limit?: number}} Wanted
 */

/**
 * Read rows. Throws `Problem`, also when they are cut off, and what `fetch` throws when `signal` aborts.
 * @param {string} id @param {Wanted} wanted @param {AbortSignal} signal @param {(rows: number) => void} progress
 * @returns {Promise<Rows>}
 */
export async function loadRows(id, wanted, signal, progress) {
  const most = wanted.limit ?? MOST_ROWS;
  const query = new URLSearchParams({ series: wanted.topic, format: "csv" });
  for (const name of /** @type {const} */ (["start", "end", "contract"])) if (wanted[name]) query.set(name, wanted[name]);
  if (wanted.columns?.length) query.set("columns", wanted.columns.join(","));
  // One more than is shown tells whether there are more.
  query.set("limit", String(most + 1));
  const response = await call(`${backtestPath(id, "/data")}?${query}`, { accept: "text/csv", signal });
  const table = new Table(most);
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  const csv = new CsvReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      table.add(csv.push(decoder.decode(value, { stream: true })));
      progress(table.size);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Problem(response.status, `the rows broke off after ${table.size}; load them again`);
  }
  table.add(csv.end());
  return table.rows();
}

/** Takes rows of text and keeps what is a number. */
export class Table {
  /** @param {number} most */
  constructor(most) {
    this.most = most;
    this.size = 0;
    this.more = false;
    this.head = /** @type {string[] | null} */ (null);
    this.values = /** @type {number[][]} */ ([]);
    this.contracts = /** @type {Set<string>} */ (new Set());
  }

  /** @param {string[][]} rows the first of all is the header */
  add(rows) {
    for (const row of rows) {
      if (!this.head) {
        this.head = row;
        this.values = row.map(() => []);
      } else if (this.size === this.most) this.more = true;
      else this.#keep(this.head, row);
    }
  }

  /** @param {string[]} head @param {string[]} row */
  #keep(head, row) {
    row.forEach((cell, i) => {
      const value = cell === "" ? NaN : head[i] === TIME || head[i]?.endsWith("_timestamp") ? Date.parse(cell) : Number(cell);
      this.values[i]?.push(value);
    });
    const contract = occ(head, row);
    if (contract) this.contracts.add(contract);
    this.size += 1;
  }

  /** @returns {Rows} */
  rows() {
    /** @type {Record<string, Float64Array>} */
    const columns = {};
    (this.head ?? []).forEach((name, i) => {
      columns[name] = Float64Array.from(this.values[i]);
    });
    const times = columns[TIME] ?? new Float64Array();
    return { times, columns, contracts: [...this.contracts].sort(), more: this.more };
  }
}

/** A row's OCC symbol, "SPXW  240315C04800000"; null for stocks. @param {string[]} head @param {string[]} row */
export function occ(head, row) {
  const cell = (/** @type {string} */ name) => row[head.indexOf(name)];
  const root = cell("root"), expiration = cell("expiration"), strike = cell("strike"), right = cell("right");
  if (!root || !expiration || !strike || !right) return null;
  const thousandths = String(Math.round(Number(strike) * 1000)).padStart(8, "0");
  return `${root.padEnd(6)}${expiration.slice(2, 10).replaceAll("-", "")}${right[0]}${thousandths}`;
}

/** "SPXW 2024-03-15 4800 call", as it is read. @param {string} symbol an OCC symbol */
export function spoken(symbol) {
  const found = /^(.{6})(\d\d)(\d\d)(\d\d)([CP])(\d{8})$/.exec(symbol);
  if (!found) return symbol;
  const [, root, year, month, day, right, strike] = found;
  return `${root.trim()} 20${year}-${month}-${day} ${Number(strike) / 1000} ${right === "C" ? "call" : "put"}`;
}
