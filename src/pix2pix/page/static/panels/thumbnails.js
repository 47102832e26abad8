/** Small pictures of known pairs: the source above a diagonal, the target below it. */

import { fetchWithToken } from "../model/access.js";
import { make } from "./dom.js";

/** @typedef {import("../types.js").Example} Example */

// Twice the size on the screen, for fine screens.
export const SIDE_PX = 160;

/** @returns {HTMLCanvasElement} */
export const emptyThumbnail = () => make("canvas", { className: "thumbnail", width: SIDE_PX, height: SIDE_PX });

/**
 * Draw a known pair; throws where its pictures cannot be fetched.
 * @param {HTMLCanvasElement} canvas
 * @param {Example} example
 * @param {AbortSignal} signal
 */
export async function drawThumbnail(canvas, { source, target }, signal) {
  const pictures = await Promise.all([source, target].map((url) => url && fetchPicture(url, signal)));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingQuality = "high";
  for (const [i, bitmap] of pictures.entries()) {
    if (!bitmap) continue;
    context.save();
    if (i === 1) context.clip(new Path2D(`M${SIDE_PX} 0V${SIDE_PX}H0Z`));
    cover(context, bitmap);
    context.restore();
    bitmap.close();
  }
  if (!pictures[1]) return;
  Object.assign(context, { strokeStyle: "#fff", lineWidth: 3 });
  context.stroke(new Path2D(`M${SIDE_PX} 0L0 ${SIDE_PX}`));
}

/** @param {string} url  @param {AbortSignal} signal */
async function fetchPicture(url, signal) {
  const answer = await fetchWithToken(url, { signal, priority: "low" });
  if (!answer.ok) throw new Error("error_unreadable_picture");
  return createImageBitmap(await answer.blob());
}

/** Fill the canvas with the middle of a picture. @param {CanvasRenderingContext2D} context  @param {ImageBitmap} bitmap */
function cover(context, bitmap) {
  const side = Math.min(bitmap.width, bitmap.height);
  context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE_PX, SIDE_PX);
}
