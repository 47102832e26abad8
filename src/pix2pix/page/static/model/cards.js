/** The list of models: from the server, or a file of the export. */

import { fetchWithToken } from "./access.js";
import { failure } from "./errors.js";
import { sleep } from "./waits.js";

const RETRY_MS = 2000; // between two tries to reach the server

/**
 * Fetch the list, as often as it takes while the server does not answer; throws an Error whose message is
 * a key of the words where it answers something else.
 * @param {(error: Error) => void} onFailure
 * @returns {Promise<import("../types.js").Card[]>}
 */
export async function fetchCards(onFailure) {
  const address = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="pix2pix-models"]')).content;
  for (;;) {
    const answer = await fetchWithToken(address).catch(() => null);
    const isAnswered = answer !== null && answer.status < 500;
    if (answer?.ok) return (await answer.json().catch(() => ({ models: [] }))).models;
    if (isAnswered) throw failure("error_no_models");
    onFailure(failure("error_no_models"));
    await sleep(RETRY_MS);
  }
}
