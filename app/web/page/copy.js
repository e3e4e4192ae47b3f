/** A button that copies a text. */

import { h, say } from "./dom.js";

const SAID_FOR = 1_500;

/** @param {string} text @param {string} what "the digest" */
export function copyButton(text, what) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy ${what}` }, "Copy");
  const said = h("span", { class: "unseen", role: "status" });
  button.addEventListener("click", async () => {
    const copied = await copy(text);
    say(button, copied ? "Copied" : "Select it");
    say(said, copied ? `Copied ${what}` : `This browser does not let a page copy ${what}`);
    setTimeout(() => {
      say(button, "Copy");
      say(said, "");
    }, SAID_FOR);
  });
  return h("span", { class: "copy" }, button, said);
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without TLS there is no clipboard but the old one.
    const area = h("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
