/** The API token that this tab has been given. It is forgotten with the tab. */

const KEY = "token";
/** Where storage is forbidden it is kept here. */
let kept = "";

export function token() {
  try {
    return sessionStorage.getItem(KEY) ?? kept;
  } catch {
    return kept;
  }
}

/** @param {string} given "" forgets it */
export function keep(given) {
  kept = given;
  try {
    if (given) sessionStorage.setItem(KEY, given);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Then it holds until the page is loaded anew.
  }
}
