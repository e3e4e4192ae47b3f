/** Elements out of plain values. Whatever comes from outside becomes text, never markup. */

/** @typedef {Node | string | number | null | undefined | false | readonly any[]} Child lists may hold lists */

/**
 * An element. In `props`, `on` holds listeners and `data` the data attributes; true is an empty attribute, and null,
 * undefined and false are none.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  }
  node.append(...texts(children));
  return node;
}

/**
 * Put these in the place of what is there.
 * @param {Element} node
 * @param {...(Child | Child[])} children
 */
export function fill(node, ...children) {
  node.replaceChildren(...texts(children));
}

/**
 * Set the text when it is another one: what did not change is not announced, nor is a selection lost.
 * @param {Element} node
 * @param {string | number} text
 */
export function say(node, text) {
  if (node.textContent !== String(text)) node.textContent = String(text);
}

let last = 0;

/** An id that no other element has. @param {string} word */
export function newId(word) {
  last += 1;
  return `${word}-${last}`;
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function texts(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}
