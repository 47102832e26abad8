/** Compose a drawing and its result into one picture: side by side, with an arrow, a title and the model's name. */

import { resizeCanvas } from "./canvases.js";

/**
 * @typedef {object} Postcard
 * @property {CanvasImageSource} drawing
 * @property {CanvasImageSource|null} result
 * @property {{width: number, height: number}} size  of both
 * @property {string} title  may be empty
 * @property {string} model
 * @property {boolean} crisp  enlarge the drawing without blurring: its colours are classes
 *
 * @typedef {{paper: string, ink: string, muted: string, font: string}} Style
 */

// The whole is at least this wide, so that it is sharp where it is shared.
const LEAST_PX = 1024;
// A very tall picture is not enlarged beyond this height, but gets wider margins.
const TALL_PX = 1536;
const [MARGIN, GAP, TITLE, FOOT] = [32, 72, 64, 44];

/**
 * Return where everything lies, in pixels.
 * @param {{width: number, height: number}} picture
 * @param {boolean} hasTitle
 */
export function layout({ width, height }, hasTitle) {
  const enlarged = Math.min((LEAST_PX - 2 * MARGIN - GAP) / (2 * width), TALL_PX / height);
  const scale = Math.max(1, enlarged);
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  const whole = Math.max(LEAST_PX, 2 * wide + 2 * MARGIN + GAP);
  const left = Math.round((whole - 2 * wide - GAP) / 2);
  const top = MARGIN + (hasTitle ? TITLE : 0);
  return {
    width: whole,
    height: top + high + FOOT + MARGIN / 2,
    drawing: { x: left, y: top, width: wide, height: high },
    result: { x: left + wide + GAP, y: top, width: wide, height: high },
  };
}

/**
 * @param {HTMLCanvasElement} canvas  gets the size of the whole
 * @param {Postcard} postcard
 * @param {Style} style
 */
export function drawPostcard(canvas, { drawing, result, size, title, model, crisp }, { paper, ink, muted, font }) {
  const places = layout(size, title !== "");
  resizeCanvas(canvas, places);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.imageSmoothingEnabled = !crisp;
  const place = (/** @type {CanvasImageSource} */ picture, /** @type {typeof places.drawing} */ { x, y, width, height }) =>
    context.drawImage(picture, x, y, width, height);
  place(drawing, places.drawing);
  context.imageSmoothingEnabled = true;
  if (result) place(result, places.result);
  drawArrow(context, (places.drawing.x + places.drawing.width + places.result.x) / 2, places.drawing.y + places.drawing.height / 2, ink);
  context.textBaseline = "middle";
  const write = (/** @type {string} */ text, /** @type {number} */ y, /** @type {string} */ size_px, /** @type {string} */ colour) => {
    Object.assign(context, { fillStyle: colour, font: `${size_px} ${font}` });
    context.fillText(text, MARGIN, y, canvas.width - 2 * MARGIN);
  };
  if (title) write(title, MARGIN + TITLE / 2 - 8, "650 36px", ink);
  write(`pix2pix · ${model}`, canvas.height - FOOT / 2 - 4, "22px", muted);
}

/** @param {CanvasRenderingContext2D} context  @param {number} x  @param {number} y  @param {string} colour */
function drawArrow(context, x, y, colour) {
  Object.assign(context, { strokeStyle: colour, lineWidth: 4, lineCap: "round", lineJoin: "round" });
  context.stroke(new Path2D(`M${x - 18} ${y}h36m-12 -12l12 12l-12 12`));
}
