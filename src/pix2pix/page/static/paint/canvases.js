/** Canvases: created, resized, read and written as pixels. */

/** @typedef {{width: number, height: number}} Size */

/** @param {Size} size */
export function blankCanvas({ width, height }) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** Set the size of a canvas, which clears it, only if it differs; return whether it did. @param {HTMLCanvasElement} canvas  @param {Size} size */
export function resizeCanvas(canvas, { width, height }) {
  const differs = canvas.width !== width || canvas.height !== height;
  if (differs) Object.assign(canvas, { width, height });
  return differs;
}

/** @param {HTMLCanvasElement} canvas */
export const contextOf = (canvas) =>
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));

/** Let a canvas show a picture in its size. @param {HTMLCanvasElement} canvas  @param {HTMLCanvasElement|ImageBitmap} picture */
export function showPicture(canvas, picture) {
  resizeCanvas(canvas, picture);
  contextOf(canvas).drawImage(picture, 0, 0);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas */
export function pixelsOf(canvas) {
  return new Uint32Array(contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height).data.buffer);
}

/** @param {Uint32Array} pixels  @param {Size} size */
export function fromPixels(pixels, { width, height }) {
  const canvas = blankCanvas({ width, height });
  contextOf(canvas).putImageData(imageData(pixels, { width, height }), 0, 0);
  return canvas;
}

/** Return pixels as a canvas takes them, sharing their memory. @param {Uint32Array} pixels  @param {Size} size */
export const imageData = (pixels, { width, height }) =>
  new ImageData(new Uint8ClampedArray(/** @type {ArrayBuffer} */ (pixels.buffer)), width, height);

/** Return a canvas as a PNG file, null if it is too large. @param {HTMLCanvasElement} canvas  @returns {Promise<Blob|null>} */
export const toPng = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
