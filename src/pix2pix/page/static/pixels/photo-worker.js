// The web worker for photographs of full size, so that the page's main thread is free to draw.

import { drawEdges } from "./edges.js";
import { colourWhole, fillWhole, holeOf, wholeSize } from "./whole.js";

/** @typedef {import("./whole.js").Size} Size */

/** @type {Record<string, (task: any) => Promise<any>>} */
const tasks = {
  /** Return the whole photograph with the result in it; `hole` is the drawing of a hole, null for colours. */
  async whole({ photograph, small, hole, longest, asFile }) {
    const bitmap = await createImageBitmap(photograph);
    const context = drawn(bitmap, wholeSize(bitmap, longest));
    const { width, height } = context.canvas;
    const whole = context.getImageData(0, 0, width, height);
    if (hole) fillWhole(whole, pixelsOf(drawn(small, { width, height })), holeOf(hole, { width, height }));
    else colourWhole(whole, pixelsOf(drawn(small, small)));
    context.putImageData(whole, 0, 0);
    return asFile ? context.canvas.convertToBlob({ type: "image/png" }) : createImageBitmap(context.canvas);
  },

  /** Return the edges of a photograph at a size, as a file: black on white, or light ones on black. */
  async edges({ photograph, size, thresholds, isLight }) {
    const context = drawn(await createImageBitmap(photograph), size);
    const { width, height } = context.canvas;
    const lines = drawEdges(pixelsOf(context).data, width, height, thresholds);
    const pixels = Uint32Array.from(lines, (line) => (Boolean(line) === isLight ? 0xffffffff : 0xff000000));
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
    return context.canvas.convertToBlob({ type: "image/png" });
  },
};

/** Draw a picture on white at a size. @param {ImageBitmap} bitmap  @param {Size} size */
function drawn(bitmap, { width, height }) {
  const options = { willReadFrequently: true };
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (new OffscreenCanvas(width, height).getContext("2d", options));
  Object.assign(context, { fillStyle: "#ffffff", imageSmoothingQuality: "high" });
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  return context;
}

/** @param {OffscreenCanvasRenderingContext2D} context */
const pixelsOf = (context) => context.getImageData(0, 0, context.canvas.width, context.canvas.height);

self.onmessage = async ({ data: { name, task } }) => {
  try {
    self.postMessage({ result: await tasks[name](task) });
  } catch (error) {
    console.error(error);
    self.postMessage({ error: "error_photograph" });
  }
};
