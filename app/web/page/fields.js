/** Fields of forms: a label, an input, a hint, and the place where the API's words about it are shown. */

import { fill, h, newId } from "./dom.js";

/**
 * @param {string} name as the API names it
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement} input
 * @param {string} [hint]
 */
export function field(name, label, input, hint = "") {
  const id = newId(name.replaceAll(".", "-"));
  input.id = id;
  input.name = name;
  input.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-wrong` : `${id}-wrong`);
  const wrong = h("p", { class: "wrong", id: `${id}-wrong` });
  input.addEventListener("input", () => right(input));
  const caption = h("label", { for: id }, label);
  const words = [hint && h("p", { class: "hint", id: `${id}-hint` }, hint), wrong];
  const check = input.type === "checkbox";
  return h("div", { class: check ? "field check" : "field", data: { field: name } },
    ...(check ? [input, caption] : [caption, input]), words);
}

/** @param {Record<string, any>} props */
export const textInput = (props = {}) =>
  h("input", { type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", ...props });

/** @param {string[]} values */
export const select = (values) => {
  const input = h("select");
  options(input, values);
  return input;
};

/** Offer these values, and keep the one that is chosen if it is among them. @param {HTMLSelectElement} input @param {string[]} values @param {string | null} [usual] */
export function options(input, values, usual = null) {
  const chosen = input.value;
  fill(input, values.map((value) => h("option", { value }, value)));
  input.value = values.includes(chosen) ? chosen : (usual ?? values[0] ?? "");
}

/** What the fields of a form hold; those that are switched off or hidden do not count. @param {HTMLFormElement} form */
export function valuesOf(form) {
  /** @type {Record<string, string | boolean>} */
  const found = {};
  for (const input of inputs(form)) {
    if (input.disabled || input.closest("[hidden]")) continue;
    if (input.type === "radio") {
      if (/** @type {HTMLInputElement} */ (input).checked) found[input.name] = input.value;
    } else found[input.name] = input.type === "checkbox" ? /** @type {HTMLInputElement} */ (input).checked : input.value.trim();
  }
  return found;
}

/**
 * Show what is wrong at the fields, go to the first of them, and give what belongs to no field of this form.
 * @param {HTMLFormElement} form @param {import("./types.js").FieldProblem[]} errors
 */
export function showProblems(form, errors) {
  allRight(form);
  const left = [];
  for (const error of errors) {
    const box = boxOf(form, error.field);
    if (!box) {
      left.push(error);
      continue;
    }
    const input = /** @type {HTMLElement} */ (box.querySelector("input, select"));
    const wrong = /** @type {HTMLElement} */ (box.querySelector(".wrong"));
    wrong.append(h("span", {}, sentence(error)));
    input.setAttribute("aria-invalid", "true");
    const folded = box.closest("details");
    if (folded) folded.open = true;
  }
  // The first as they stand on the page, not as they were told.
  /** @type {HTMLElement | null} */ (form.querySelector("[aria-invalid]"))?.focus();
  return left;
}

/** @param {HTMLFormElement} form */
export function allRight(form) {
  for (const input of inputs(form)) right(input);
}

/** "tickers[1]" and "series[0].tickers[1]" are told at "tickers". @param {string} name */
export const plainName = (name) => name.replace(/^series\[\d+\]\./, "").replace(/\[\d+\]/g, "");

/** @param {HTMLFormElement} form @param {string} name @returns {HTMLElement | null} */
function boxOf(form, name) {
  for (let part = plainName(name); part; part = part.slice(0, Math.max(0, part.lastIndexOf(".")))) {
    const box = /** @type {HTMLElement | null} */ (form.querySelector(`[data-field="${CSS.escape(part)}"]`));
    if (box && !box.closest("[hidden]")) return box;
  }
  return null;
}

/** @param {import("./types.js").FieldProblem} error */
function sentence({ message, allowed }) {
  const few = allowed && allowed.length <= 12 && !allowed.every((one) => message.includes(one));
  return few ? `${message} (${allowed.join(", ")})` : message;
}

/** @param {Element} input */
function right(input) {
  if (!input.hasAttribute("aria-invalid")) return;
  input.removeAttribute("aria-invalid");
  const wrong = input.closest(".field")?.querySelector(".wrong");
  if (wrong) fill(wrong);
}

/** @param {HTMLFormElement} form */
const inputs = (form) => /** @type {(HTMLInputElement | HTMLSelectElement)[]} */ ([...form.querySelectorAll("input, select")]);
