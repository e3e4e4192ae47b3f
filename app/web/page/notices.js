/** What went wrong, told in a place of its own that takes the focus from nobody. */

import { h, say } from "./dom.js";

/** @type {Map<string, HTMLElement>} */
const shown = new Map();

/**
 * Show a message, in the place of the last one of its key.
 * @param {string} key what it is about @param {string} text @param {"problem" | "news"} [kind]
 */
export function notice(key, text, kind = "problem") {
  let box = shown.get(key);
  if (box) {
    say(/** @type {Element} */ (box.firstElementChild), text);
    return;
  }
  box = /** @type {HTMLElement} */ (
    h(
      "div", { class: "notice", data: { kind } },
      h("p", {}, text),
      h("button", { type: "button", class: "quiet", on: { click: () => quiet(key) } }, "Dismiss"),
    )
  );
  shown.set(key, box);
  document.getElementById("notices")?.append(box);
}

/** Take a message away: what it told of is over. @param {string} key */
export function quiet(key) {
  shown.get(key)?.remove();
  shown.delete(key);
}

/** Take all messages away but those about the platform itself. */
export function quietAll() {
  for (const key of [...shown.keys()]) if (key !== "platform") quiet(key);
}

/**
 * Tell of what a call threw; nothing when it was only broken off.
 * @param {string} key @param {unknown} error @param {AbortSignal} [signal]
 */
export function tell(key, error, signal) {
  if (signal?.aborted || (error instanceof DOMException && error.name === "AbortError")) return;
  const text = error instanceof Error ? error.message : String(error);
  notice(key, text ? text[0].toUpperCase() + text.slice(1) : "Something went wrong.");
}
