/** Asks for the API token where the platform wants one. */

import { fill, h } from "./dom.js";
import { once } from "./request.js";
import { keep, token } from "./token.js";

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Whether there is another token than the one that was refused. All calls that are refused at once share one dialog.
 * @param {string} refused "" when none was sent
 * @returns {Promise<boolean>}
 */
export function askForToken(refused) {
  if (token() !== refused) return Promise.resolve(true);
  return enterToken(refused ? "The platform does not accept the token that this tab had." : "");
}

/**
 * Let the reader enter a token; whether one was accepted.
 * @param {string} [said] what is wrong already
 * @returns {Promise<boolean>}
 */
export function enterToken(said = "") {
  asking ??= dialog(said).finally(() => {
    asking = null;
  });
  return asking;
}

/** @param {string} said what is wrong already @returns {Promise<boolean>} */
function dialog(said) {
  const input = h("input", {
    id: "token-input", type: "password", autocomplete: "off", spellcheck: "false", required: true,
    "aria-describedby": "token-wrong",
  });
  const wrong = h("p", { id: "token-wrong", class: "wrong", role: "alert" }, said);
  const enter = h("button", { type: "submit", class: "main" }, "Use this token");
  const cancel = h("button", { type: "button" }, "Not now");
  const form = h(
    "form", { novalidate: true },
    h("h2", { id: "token-title" }, "API token"),
    h("p", {}, "This platform answers only to those who have one of its tokens. It is kept until this tab is closed."),
    h("label", { for: "token-input" }, "Token"), input, wrong,
    h("div", { class: "actions" }, enter, cancel),
  );
  const box = h("dialog", { "aria-labelledby": "token-title" }, form);
  document.body.append(box);
  return new Promise((done) => {
    let accepted = false;
    box.addEventListener("close", () => {
      box.remove();
      done(accepted);
    });
    cancel.addEventListener("click", () => box.close());
    form.addEventListener("submit", async (/** @type {Event} */ event) => {
      event.preventDefault();
      const given = input.value.trim();
      enter.disabled = true;
      const answer = given ? await wrongWith(given) : "Enter a token.";
      enter.disabled = false;
      if (!box.open) return;
      accepted = answer === null;
      if (accepted) {
        keep(given);
        box.close();
      } else {
        fill(wrong, answer);
        input.setAttribute("aria-invalid", "true");
        input.select();
        input.focus();
      }
    });
    box.showModal();
    input.focus();
  });
}

/** What is wrong with a token; null when it is let in. @param {string} given */
async function wrongWith(given) {
  if (/[^\x21-\x7e]/.test(given)) return "Tokens have neither spaces nor letters beyond ASCII.";
  try {
    const { status } = await once("/schemas", given, {});
    return status === 401 ? "The platform does not accept this token. Check it and enter it again." : null;
  } catch {
    return "The coordinator does not answer; try again.";
  }
}
