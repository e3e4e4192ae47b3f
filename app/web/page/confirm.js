/** A question before what cannot be taken back. */

import { h, newId } from "./dom.js";

/**
 * Whether the reader agrees.
 * @param {string} title @param {string} text @param {string} yes what the button says
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, yes) {
  const id = newId("confirm");
  const box = h(
    "dialog", { "aria-labelledby": id },
    h("form", { method: "dialog" },
      h("h2", { id }, title),
      h("p", {}, text),
      h("div", { class: "actions" },
        h("button", { value: "yes", class: "danger" }, yes),
        h("button", { value: "no", autofocus: true }, "Leave it"))),
  );
  document.body.append(box);
  return new Promise((done) => {
    box.addEventListener("close", () => {
      box.remove();
      done(box.returnValue === "yes");
    });
    box.showModal();
  });
}
