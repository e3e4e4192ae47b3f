/** The form for a live subscription. */

import { json } from "./api.js";
import { fill, h, say } from "./dom.js";
import { allRight, showProblems, valuesOf } from "./fields.js";
import { seriesPart } from "./form_body.js";
import { quiet, tell } from "./notices.js";
import { Problem } from "./request.js";
import { seriesFields } from "./series_fields.js";

/** @param {AbortSignal} signal @param {() => void} done called when it stands */
export function subscribeForm(signal, done) {
  const series = seriesFields(true);
  const outcome = h("div", { class: "outcome", role: "status" });
  const button = h("button", { type: "submit", class: "main" }, "Subscribe");
  const form = /** @type {HTMLFormElement} */ (h("form", { novalidate: true, class: "request", "aria-label": "Subscribe" },
    series.node, h("div", { class: "actions" }, button), outcome));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    allRight(form);
    quiet("subscribe");
    button.disabled = true;
    const asset = series.asset();
    try {
      const told = await json(`/live/${asset}`, { method: "POST", body: seriesPart(valuesOf(form), asset), signal });
      say(outcome, told.series.map((/** @type {any} */ one) => `${one.topic} is ${one.state}.`).join(" "));
      done();
    } catch (error) {
      fill(outcome);
      if (!(error instanceof Problem) || !error.errors.length) return tell("subscribe", error, signal);
      const left = showProblems(form, error.errors);
      fill(outcome, left.map((one) => h("p", { class: "wrong" }, one.field ? `${one.field}: ${one.message}` : one.message)));
    } finally {
      button.disabled = false;
    }
    return undefined;
  });
  return form;
}
