/** The page: which view is shown, and what stands above all of them. */

import { json } from "./api.js";
import { backtestView } from "./backtest_view.js";
import { backtestsView } from "./backtests_view.js";
import { chartView } from "./chart_view.js";
import { fill, h, say } from "./dom.js";
import { liveView } from "./live_view.js";
import { notice, quiet, quietAll } from "./notices.js";
import { platformView } from "./platform_view.js";
import { poll } from "./poll.js";
import { parseHash } from "./router.js";
import { themeButton } from "./theme.js";
import { enterToken } from "./token_dialog.js";

/**
 * A view fills `root`, and ends everything it began when `signal` aborts.
 * @typedef {(root: HTMLElement, route: import("./router.js").Route, signal: AbortSignal) => void} View
 */

/** Milliseconds between two looks at the platform's readiness. */
const LOOK_EVERY = 10_000;

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
let current = new AbortController();
let shown = "";

/** @param {string[]} path @returns {[string, View, string]} the view's name, itself, and its title */
function viewOf(path) {
  const [first, id, what, topic] = path;
  if (first === undefined || (first === "backtests" && !id)) return ["backtests", backtestsView, "Backtests"];
  if (first === "backtests" && what === "chart" && topic) return ["backtests", chartView, topic];
  if (first === "backtests" && !what) return ["backtests", backtestView, id];
  if (first === "live") return ["live", liveView, "Live"];
  if (first === "platform") return ["platform", platformView, "Platform"];
  return ["", lost, "Not here"];
}

/** @type {View} */
function lost(root) {
  fill(root, h("h1", {}, "There is no such view"), h("p", {}, h("a", { href: "#/" }, "All backtests")));
}

function show() {
  const route = parseHash(location.hash);
  current.abort();
  current = new AbortController();
  quietAll();
  const [name, view, title] = viewOf(route.path);
  document.title = `${title} · Financial Data Platform`;
  for (const link of document.querySelectorAll("nav a")) {
    if (/** @type {HTMLElement} */ (link).dataset.view === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  fill(main);
  main.dataset.view = name;
  view(main, route, current.signal);
  // Somebody who cannot see that the page is another one is put where it begins.
  if (shown) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  shown = location.hash || "#/";
}

window.addEventListener("hashchange", () => {
  // The skip link names an element, no view.
  if (location.hash === "#main") history.replaceState(null, "", shown);
  else show();
});
document.querySelector(".skip")?.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

themeButton(/** @type {HTMLButtonElement} */ (document.getElementById("theme")));
document.getElementById("token")?.addEventListener("click", async () => {
  if (await enterToken()) show();
});

const readiness = /** @type {HTMLElement} */ (document.querySelector("#readiness .state"));
poll(new AbortController().signal, LOOK_EVERY, async () => {
  try {
    const response = await fetch("/health/ready", { cache: "no-store" });
    const told = await response.json();
    readiness.dataset.state = response.ok ? "ready" : "unready";
    say(readiness, String(told.status));
    readiness.title = Object.entries(told.checks ?? {}).map(([name, found]) => `${name}: ${found}`).join("\n");
    quiet("platform");
  } catch {
    readiness.dataset.state = "failed";
    say(readiness, "no answer");
    notice("platform", "The coordinator does not answer at this address; this page tries again.");
  }
});
show();
