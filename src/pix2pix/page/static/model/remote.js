/** The translator of a served page: send the drawing to the server, get the translation back. */

import { toPng } from "../paint/canvases.js";
import { fetchWithToken } from "./access.js";
import { failure } from "./errors.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").Translator} Translator
 */

// Pause before a server that does not answer is tried again.
const GONE_SECONDS = 4;

/**
 * @param {Card} card
 * @returns {Translator}
 */
export function createTranslator(card) {
  return {
    async translate(canvas, { seed, sample, mode, signal }) {
      const picture = await encode(canvas);
      signal.throwIfAborted();
      const url = new URL(/** @type {string} */ (card.translate), document.baseURI);
      // Sketches and holes are drawn as sources; from a photograph the server derives the source.
      const make = card.kind === "photograph" && card.made !== "";
      url.search = new URLSearchParams(Object.entries({ seed, sample, mode, make }).map(([name, value]) => [name, String(value)])).toString();
      const answer = await send(url, picture, signal);
      if (!answer.ok) throw await refusal(answer);
      return {
        bitmap: await createImageBitmap(await answer.blob()),
        milliseconds: Number(answer.headers.get("X-Milliseconds")),
        backend: "server",
      };
    },
    prepare: () => Promise.resolve(),
    close() {},
  };
}

/**
 * @param {HTMLCanvasElement|OffscreenCanvas} canvas
 * @returns {Promise<Blob>}
 */
async function encode(canvas) {
  if ("convertToBlob" in canvas) return canvas.convertToBlob({ type: "image/png" });
  const blob = await toPng(canvas);
  if (!blob) throw new Error("error_too_large");
  return blob;
}

/**
 * @param {URL} url
 * @param {Blob} body
 * @param {AbortSignal} signal
 */
async function send(url, body, signal) {
  try {
    return await fetchWithToken(url, { method: "POST", body, signal, headers: { "Content-Type": "image/png", Accept: "image/png" } });
  } catch (error) {
    if (signal.aborted) throw error;
    throw Object.assign(failure("error_server_gone"), { retryAfter: GONE_SECONDS });
  }
}

/**
 * Return the server's error, in its own words if it sent any.
 * @param {Response} answer
 */
async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const error = new Error(problem.error ?? (answer.status === 413 ? "error_too_large" : "error_server"));
  const wait = Number(answer.headers.get("Retry-After"));
  const retryAfter = answer.status === 503 ? Math.max(1, wait || 2) : undefined;
  return Object.assign(error, { hint: problem.hint ?? "", retryAfter, busy: answer.status === 503 });
}
