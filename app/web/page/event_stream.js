/** Server-Sent Events out of a stream of text: an `EventSource` could not send a token. */

/** @typedef {{event: string, data: string, id: string}} Message */

/** Takes text as it comes and gives the messages that are whole. */
export class EventParser {
  constructor() {
    this.rest = "";
    this.data = /** @type {string[]} */ ([]);
    this.event = "";
    /** The last id that was told; it is sent when the stream is opened again. */
    this.id = "";
  }

  /** @param {string} text @returns {Message[]} */
  push(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = /** @type {string} */ (lines.pop());
    /** @type {Message[]} */
    const found = [];
    for (const line of lines) {
      if (line === "") {
        if (this.data.length) found.push({ event: this.event || "message", data: this.data.join("\n"), id: this.id });
        this.data = [];
        this.event = "";
      } else this.#field(line);
    }
    return found;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment: it keeps the connection open.
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.event = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }
}

/**
 * The messages of a response, until it ends.
 * @param {Response} response @param {EventParser} parser
 */
export async function* messages(response, parser) {
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parser.push(decoder.decode(value, { stream: true }));
  }
}
