/** Light, dark, or what the system says. */

const ORDER = /** @type {const} */ (["system", "light", "dark"]);

/** @param {HTMLButtonElement} button what goes round the three */
export function themeButton(button) {
  const show = () => {
    const now = document.documentElement.dataset.theme ?? "system";
    button.textContent = now[0].toUpperCase() + now.slice(1);
    button.setAttribute("aria-label", `Colours: ${now}`);
    button.title = "Colours: as the system says, light, dark";
    return now;
  };
  show();
  button.addEventListener("click", () => {
    const now = /** @type {typeof ORDER[number]} */ (show());
    const next = ORDER[(ORDER.indexOf(now) + 1) % ORDER.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Then it holds until the page is closed.
    }
    show();
    document.dispatchEvent(new CustomEvent("theme"));
  });
}

/**
 * Call `redraw` whenever the colours have changed.
 * @param {AbortSignal} signal
 * @param {() => void} redraw
 */
export function onTheme(signal, redraw) {
  document.addEventListener("theme", redraw, { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal });
}
