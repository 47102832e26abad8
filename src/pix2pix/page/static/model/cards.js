/** The models that this page draws for. */

import { fetchWithToken } from "./access.js";
import { failure } from "./errors.js";

/** @returns {Promise<import("../types.js").Card[]>} */
export async function fetchCards() {
  const address = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="pix2pix-models"]')).content;
  try {
    const answer = await fetchWithToken(address);
    if (!answer.ok) throw answer;
    return (await answer.json()).models;
  } catch {
    throw failure("error_no_models");
  }
}
