/** Texts that the browser keeps for this page, for a tab or for all visits; without storage the page forgets. */

/** Return a name for this page alone: one host may serve several, each in its own folder. @param {string} [what] */
export const nameHere = (what = "") => `pix2pix ${what && `${what} `}${new URL(".", document.baseURI).pathname}`;

/** @param {"localStorage"|"sessionStorage"} storage  @param {string} name  @returns {string|null} */
export function readStored(storage, name) {
  try {
    return globalThis[storage].getItem(name);
  } catch {
    return null; // the browser refuses storage
  }
}

/** @param {"localStorage"|"sessionStorage"} storage  @param {string} name  @param {string} text */
export function writeStored(storage, name, text) {
  try {
    globalThis[storage].setItem(name, text);
  } catch {
    // The text lasts as long as the page.
  }
}
