/** Which view the address names: everything after `#`, so that links and the back button work. */

/** @typedef {{path: string[], query: URLSearchParams}} Route */

/** @param {string} hash @returns {Route} */
export function parseHash(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

/** The address of a view, "#/backtests/spring". @param {string[]} path @param {Record<string, string | null | undefined>} [query] */
export function hashOf(path, query = {}) {
  const given = Object.entries(query).filter((pair) => pair[1]);
  const text = new URLSearchParams(/** @type {[string, string][]} */ (given)).toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Let the address tell what is shown, without another step for the back button. @param {string} hash */
export function replaceHash(hash) {
  history.replaceState(null, "", hash);
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
