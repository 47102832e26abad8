/** Show pixels on the screen, once a frame, and only what has changed. */

import { contextOf, imageData, resizeCanvas } from "../paint/canvases.js";
import { union } from "../paint/raster.js";

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("../paint/editor.js").Editor} editor
 * @param {(sized: boolean) => void} onShown  after pixels have reached the canvas
 */
export function createCanvas(canvas, editor, onShown) {
  const context = contextOf(canvas);
  /** @type {ImageData|null} */
  let data = null;
  /** @type {import("../types.js").Box|null} */
  let changed = null;

  function show() {
    if (!changed) return;
    const { width, height, pixels } = editor.image;
    const sized = resizeCanvas(canvas, editor.image);
    if (data?.data.buffer !== pixels.buffer) data = imageData(pixels, editor.image);
    const { left, top, right, bottom } = sized ? { left: 0, top: 0, right: width, bottom: height } : changed;
    context.putImageData(data, 0, 0, left, top, right - left, bottom - top);
    changed = null;
    onShown(sized);
  }

  editor.on("painted", (box) => {
    if (!changed) requestAnimationFrame(show);
    changed = union(changed, box);
  });

  return {
    /** The canvas with everything that was drawn, for code that reads it before the next frame. */
    get upToDate() {
      show();
      return canvas;
    },
  };
}
