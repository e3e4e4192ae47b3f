/** CSV as it arrives (RFC 4180): text in, whole rows out. */

export class CsvReader {
  constructor() {
    this.rest = "";
  }

  /** The rows that are whole by now. @param {string} text @returns {string[][]} */
  push(text) {
    this.rest += text;
    /** @type {string[][]} */
    const rows = [];
    let from = 0;
    for (;;) {
      const end = lineEnd(this.rest, from);
      if (end < 0) break;
      const line = this.rest.slice(from, this.rest[end - 1] === "\r" ? end - 1 : end);
      if (line) rows.push(cells(line));
      from = end + 1;
    }
    this.rest = this.rest.slice(from);
    return rows;
  }

  /** The last row, when no line end came after it. @returns {string[][]} */
  end() {
    return this.rest ? this.push("\n") : [];
  }
}

/** Where a row ends: at the first line end that is not within quotes. @param {string} text @param {number} from */
function lineEnd(text, from) {
  const end = text.indexOf("\n", from);
  const quote = text.indexOf('"', from);
  if (quote < 0 || end < 0 || quote > end) return end;
  let quoted = false;
  for (let at = quote; at < text.length; at += 1) {
    if (text[at] === '"') quoted = !quoted;
    else if (text[at] === "\n" && !quoted) return at;
  }
  return -1;
}

/** @param {string} line */
function cells(line) {
  if (!line.includes('"')) return line.split(",");
  /** @type {string[]} */
  const found = [];
  let cell = "", quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at];
    if (sign === '"') {
      // Two of them within quotes are one.
      if (quoted && line[at + 1] === '"') cell += line[++at];
      else quoted = !quoted;
    } else if (sign === "," && !quoted) {
      found.push(cell);
      cell = "";
    } else cell += sign;
  }
  found.push(cell);
  return found;
}
