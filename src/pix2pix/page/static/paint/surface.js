/** A drawing as pixels: paint strokes one by one, replay all of them after an undo. */

import { paintSegment } from "./brush.js";
import { toPixel } from "./colours.js";
import { flatten } from "./drawing.js";
import { flood } from "./flood.js";
import { copyBox, paintBox, paintPolygon, union } from "./raster.js";

/**
 * @typedef {import("../types.js").Box} Box
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").PictureStroke} PictureStroke
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("./drawing.js").Placed} Placed
 * @typedef {import("./raster.js").Paint} Paint
 * @typedef {{pixels: Uint32Array, beneath: Uint32Array}} Sized  `beneath` is what an eraser brings back
 * @typedef {{strokes: Stroke[], pixels: Uint32Array, beneath: Uint32Array|null}} Checkpoint
 *
 * @typedef {object} Style
 * @property {string|null} ink  soft lines of this colour; null: hard edges
 * @property {(stroke: PictureStroke, width: number, height: number) => Sized|null} picture
 */

// An undo repaints the strokes after the last copy of the pixels: at most so many, or so long.
const [CHECKPOINT_STROKES, CHECKPOINT_MS] = [12, 6];
const CHECKPOINT_BYTES = 2 ** 26; // in all

/**
 * @param {Style} style
 */
export function createSurface(style) {
  /** @type {import("../types.js").Image} */
  const image = { pixels: new Uint32Array(1), width: 1, height: 1 };
  let [ground, backup] = [0, new Uint32Array(1)];
  /** @type {Uint32Array|null} */
  let beneath = null;
  /** @type {Checkpoint[]} */
  let checkpoints = [];
  let painted = 0; // the place of a pixel that differed from the ground
  let spent = 0; // milliseconds of painting since the last copy
  /** @type {Box|null} */
  let tentative = null;

  /** @param {string|null} colour  @returns {Paint} */
  function paintOf(colour) {
    const pixel = colour === null ? ground : toPixel(colour);
    if (style.ink === null) return { colour: pixel, reveal: colour === null && beneath ? beneath : undefined };
    return { colour: pixel, under: colour === null ? toPixel(style.ink) : ground };
  }

  /** @param {Placed} placed  @param {number} [from]  the first new point of a line */
  function paint(placed, from = 0) {
    const start = performance.now();
    const changed = paintStroke(placed, from);
    spent += performance.now() - start;
    return changed;
  }

  /** @param {Placed} placed  @param {number} from  @returns {Box|null} */
  function paintStroke({ stroke, width, height }, from) {
    const [fx, fy] = [image.width / width, image.height / height];
    if (stroke.tool === "picture") return paintPicture(stroke);
    if (stroke.tool === "group") {
      return stroke.strokes.map((one) => paintStroke({ stroke: one, width, height }, from)).reduce(union, null);
    }
    if (stroke.tool === "brush") return paintBrush(image, stroke, paintOf(stroke.colour), fx, fy, from);
    if (stroke.tool === "rectangle") return paintBox(image, scaleBox(stroke.box, fx, fy), paintOf(stroke.colour));
    if (stroke.tool === "polygon") {
      return paintPolygon(image, stroke.points.map((v, i) => v * (i % 2 ? fy : fx)), paintOf(stroke.colour));
    }
    if (stroke.tool !== "fill") return null;
    const [x, y] = [Math.floor((stroke.at[0] + 0.5) * fx), Math.floor((stroke.at[1] + 0.5) * fy)];
    return flood(image, x, y, toPixel(stroke.colour));
  }

  /** @param {PictureStroke} stroke */
  function paintPicture(stroke) {
    const sized = style.picture(stroke, image.width, image.height);
    if (!sized) return null;
    image.pixels.set(sized.pixels);
    beneath = sized.beneath;
    return whole();
  }

  /** @returns {Box} */
  const whole = () => ({ left: 0, top: 0, right: image.width, bottom: image.height });

  /** @param {number} width  @param {number} height */
  function resize(width, height) {
    if (width === image.width && height === image.height) return;
    Object.assign(image, { width, height, pixels: new Uint32Array(width * height) });
    backup = new Uint32Array(width * height);
    checkpoints = [];
  }

  /** Go back to the last copy of the pixels. @param {readonly Placed[]} placed  @returns {number}  how many strokes it holds */
  function recall(placed) {
    checkpoints = checkpoints.filter(({ strokes }) => strokes.every((stroke, i) => placed[i]?.stroke === stroke));
    const checkpoint = checkpoints.at(-1);
    if (checkpoint) image.pixels.set(checkpoint.pixels);
    else image.pixels.fill(ground);
    beneath = checkpoint?.beneath ?? null;
    return checkpoint?.strokes.length ?? 0;
  }

  /** Copy the pixels now and then. @param {readonly Placed[]} placed  @param {number} count  of strokes on the surface */
  function remember(placed, count) {
    if (count - (checkpoints.at(-1)?.strokes.length ?? 0) < CHECKPOINT_STROKES && spent < CHECKPOINT_MS) return;
    spent = 0;
    checkpoints.push({ strokes: placed.slice(0, count).map(({ stroke }) => stroke), pixels: image.pixels.slice(), beneath });
    if (checkpoints.length * image.pixels.byteLength > CHECKPOINT_BYTES) checkpoints.shift();
  }

  /** @param {() => Box|null} change  @returns {Box|null} */
  function tentatively(change) {
    const restored = tentative;
    if (tentative) copyBox(image, backup, tentative);
    tentative = change();
    return union(restored, tentative);
  }

  return {
    image,
    /** Whether there is a picture under the strokes. */
    get hasPicture() {
      return beneath !== null;
    },
    /**
     * Paint the whole drawing. @param {Drawing} drawing  @returns {Box}
     */
    replay(drawing) {
      const { placed, width, height, ...rest } = flatten(drawing);
      resize(width, height);
      if (ground !== toPixel(rest.ground)) checkpoints = [];
      ground = toPixel(rest.ground);
      for (let i = recall(placed); i < placed.length; i++) {
        paint(placed[i]);
        remember(placed, i + 1);
      }
      tentative = null;
      return whole();
    },
    /** Whether no pixel differs from a new sheet's. */
    get isPlain() {
      const { pixels } = image;
      // A pixel that differed usually still does: all of them are read only where it does not.
      if (beneath !== null || (painted < pixels.length && pixels[painted] !== ground)) return false;
      for (painted = 0; painted < pixels.length && pixels[painted] === ground; painted++);
      return painted === pixels.length;
    },
    /** Whether the stroke that was begun painted anything: it may lie outside. */
    get isTouched() {
      return tentative !== null;
    },
    /** Paint every stroke anew next time: a picture may have changed. */
    forget() {
      checkpoints = [];
    },
    /** Begin a stroke that may still change or be cancelled. */
    begin() {
      backup.set(image.pixels);
      tentative = null;
    },
    /** Paint the stroke as it is now in place of its last state. @param {Stroke} stroke */
    preview: (stroke) => tentatively(() => paint({ stroke, ...image })),
    /** Paint what a line gained from a point on. @param {Stroke} stroke  @param {number} from */
    extend(stroke, from) {
      const changed = paint({ stroke, ...image }, from);
      tentative = union(tentative, changed);
      return changed;
    },
    /** Keep the stroke: it is now the last of the drawing. @param {Drawing} drawing */
    settle(drawing) {
      const { placed } = flatten(drawing);
      if (placed.length) remember(placed, placed.length);
      tentative = null;
    },
    /** Remove the cancelled stroke. */
    restore: () => tentatively(() => null),
  };
}

/**
 * @param {import("../types.js").Image} image
 * @param {import("../types.js").BrushStroke} stroke
 * @param {Paint} paint
 * @param {number} fx
 * @param {number} fy
 * @param {number} from
 */
function paintBrush(image, stroke, paint, fx, fy, from) {
  const px = Math.max(1, stroke.px * Math.sqrt(fx * fy));
  const hard = paint.under === undefined;
  // Hard brushes sit on the grid of pixels: a line of 3 px is 3 px wide everywhere.
  const onGrid = (/** @type {number} */ value) =>
    !hard ? value : Math.round(px) % 2 ? Math.floor(value) + 0.5 : Math.round(value);
  const disc = (/** @type {number} */ i) => ({
    x: onGrid(stroke.points[2 * i] * fx),
    y: onGrid(stroke.points[2 * i + 1] * fy),
    radius: (Math.max(1, (hard ? Math.round(px) : px) * (stroke.pressure?.[i] ?? 1))) / 2,
  });
  /** @type {Box|null} */
  let changed = null;
  for (let i = Math.max(0, from - 1); i < stroke.points.length / 2; i++) {
    if (i >= from) changed = union(changed, paintSegment(image, disc(Math.max(0, i - 1)), disc(i), paint));
  }
  return changed;
}

/**
 * @param {readonly [number, number, number, number]} box
 * @param {number} fx
 * @param {number} fy
 * @returns {Box}
 */
function scaleBox([x, y, width, height], fx, fy) {
  const [left, top] = [Math.round(x * fx), Math.round(y * fy)];
  const [right, bottom] = [Math.round((x + width) * fx), Math.round((y + height) * fy)];
  return { left, top, right: Math.max(left + 1, right), bottom: Math.max(top + 1, bottom) };
}
