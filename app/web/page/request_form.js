/** The form for a new backtest: plan it, start it, and see what is wrong where it is wrong. */

import { json } from "./api.js";
import { h, fill, say } from "./dom.js";
import { allRight, field, showProblems, textInput, valuesOf } from "./fields.js";
import { requestBody, suggestedId } from "./form_body.js";
import { quiet, tell } from "./notices.js";
import { planNode } from "./plan_node.js";
import { Problem } from "./request.js";
import { hashOf } from "./router.js";
import { seriesFields } from "./series_fields.js";
import { lastClosed } from "./sessions.js";

/** Sessions that the form begins with; and when a report of the end of a day is there, in ms after midnight. */
const SESSIONS = 5, EOD_AT = 18 * 3_600_000;

/** @param {AbortSignal} signal @returns {HTMLFormElement} */
export function requestForm(signal) {
  const days = lastClosed(Date.now(), SESSIONS, EOD_AT);
  const id = textInput({ maxlength: 80 });
  const empty = field("empty_bars", "Fill bars in which nothing traded", h("input", { type: "checkbox" }),
    "With the last close; else they are left out and counted.");
  const hours = h("div", { class: "grid" },
    field("start_time", "From", h("input", { type: "time", step: 1 }), "New York; 09:30:00 unless set."),
    field("end_time", "To, inclusive", h("input", { type: "time", step: 1 }), "New York; 16:00:00 unless set."));
  const outcome = h("div", { class: "outcome", role: "status" });
  /** The reader's own id is left alone. */
  let named = false;
  /** @type {HTMLFormElement} */
  let form;
  const suggest = () => {
    if (!named && form) id.value = suggestedId(valuesOf(form), series.asset(), new Date());
  };
  const series = seriesFields(false, (_asset, schema) => {
    empty.hidden = schema !== "ohlcv";
    hours.hidden = schema === "eod" || schema === "open_interest";
    suggest();
  });
  const plan = h("button", { type: "button" }, "Plan");
  const start = h("button", { type: "submit", class: "main" }, "Start");
  form = h(
    "form", { novalidate: true, class: "request", "aria-label": "New backtest" },
    series.node,
    h("div", { class: "grid" },
      field("start", "First session", h("input", { type: "date", value: days[0] })),
      field("end", "Last session, inclusive", h("input", { type: "date", value: days[days.length - 1] })),
      field("backtest_id", "Backtest id", id, "Part of its topics' names: a-z, 0-9, dots, hyphens.")),
    h("details", { class: "fold" },
      h("summary", {}, "Hours, empty bars, live, retention"),
      hours,
      h("div", { class: "grid" },
        empty,
        field("live", "Go on into the live topic", h("input", { type: "checkbox" }), "Subscribes, and joins without a seam."),
        field("retain_days", "Delete after days", textInput({ inputmode: "numeric", placeholder: "never" })))),
    h("div", { class: "actions" }, plan, start),
    outcome,
  );
  suggest();
  id.addEventListener("input", () => {
    named = id.value !== "";
  });
  form.addEventListener("input", (event) => {
    if (event.target !== id) suggest();
  });

  /** @param {string} path @param {HTMLButtonElement} button @param {string} doing @param {(told: any) => void} done */
  async function send(path, button, doing, done) {
    allRight(form);
    quiet("request");
    button.disabled = true;
    form.setAttribute("aria-busy", "true");
    say(outcome, doing);
    try {
      const told = await json(path, { method: "POST", body: requestBody(valuesOf(form), series.asset()), signal });
      fill(outcome);
      done(told);
    } catch (error) {
      if (signal.aborted) return;
      fill(outcome);
      refused(error);
    } finally {
      button.disabled = false;
      form.removeAttribute("aria-busy");
    }
  }

  /** @param {unknown} error */
  function refused(error) {
    if (!(error instanceof Problem) || error.errors.length === 0) return tell("request", error, signal);
    const left = showProblems(form, error.errors);
    fill(outcome, h("p", { class: "wrong" }, left.length < error.errors.length
      ? "Not started: see the fields that are marked." : "Not started."),
      left.map((one) => h("p", { class: "wrong" }, one.field ? `${one.field}: ${one.message}` : one.message)));
  }

  plan.addEventListener("click", () => send("/plan", plan, "Planning …", (told) => fill(outcome, planNode(told))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send("/backtests", start, "Starting …", (told) => {
      location.hash = hashOf(["backtests", told.backtest_id]);
    });
  });
  return form;
}
