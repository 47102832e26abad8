/**
 * A drawing is data: a list of strokes. Redraw is replay, undo is pop, redo is push. Nothing here
 * knows a canvas or a button.
 */

import { isShape, shifted } from "./shapes.js";

/**
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {{width: number, height: number}} Size
 * @typedef {{stroke: Stroke, width: number, height: number}} Placed  a stroke, and the size that the drawing had
 */

// Beyond this many strokes, older ones that are hidden are dropped.
const KEPT = 2000;

/**
 * @param {Size & {ground: string}} paper
 * @returns {Drawing}
 */
export function createDrawing({ width, height, ground }) {
  return { width, height, ground, strokes: [], undone: [] };
}

/**
 * Add a stroke, and drop what was undone.
 * @param {Drawing} drawing
 * @param {Stroke} stroke
 */
export function add(drawing, stroke) {
  drawing.strokes.push(stroke);
  drawing.undone.length = 0;
  if (drawing.strokes.length > KEPT) Object.assign(drawing, visible(drawing));
}

/**
 * @param {Drawing} drawing
 * @returns {Stroke|undefined}  the undone stroke
 */
export function undo(drawing) {
  const stroke = drawing.strokes.pop();
  if (stroke) drawing.undone.push(stroke);
  return stroke;
}

/**
 * @param {Drawing} drawing
 * @returns {Stroke|undefined}  the redone stroke
 */
export function redo(drawing) {
  const stroke = drawing.undone.pop();
  if (stroke) drawing.strokes.push(stroke);
  return stroke;
}

/**
 * Return the stroke that clears. With `keepsPicture`, a photograph stays the first time.
 * @param {Drawing} drawing
 * @param {boolean} keepsPicture
 * @returns {Stroke}
 */
export function clearing(drawing, keepsPicture) {
  const base = keepsPicture && basePicture(drawing);
  if (!base || flatten(drawing).placed.length === 1) return { tool: "clear" };
  return { ...base, ...sizeOf(drawing) };
}

/**
 * Return the size after all strokes.
 * @param {Size & {strokes: readonly Stroke[]}} drawing
 * @returns {Size}
 */
export function sizeOf(drawing) {
  let { width, height } = drawing;
  for (const stroke of drawing.strokes) ({ width, height } = sizeAfter(stroke, { width, height }));
  return { width, height };
}

/**
 * Return a size times a factor, in whole pixels and at least 1.
 * @param {Size} size
 * @param {number} factor
 * @returns {Size}
 */
export function scaledSize({ width, height }, factor) {
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/**
 * Return the visible strokes: from the last one that covered everything.
 * @param {Size & {ground: string, strokes: readonly Stroke[]}} drawing
 * @returns {{ground: string, placed: Placed[], width: number, height: number}}
 */
export function flatten(drawing) {
  let { width, height, ground } = drawing;
  /** @type {Placed[]} */
  let placed = [];
  for (const stroke of drawing.strokes) {
    if (stroke.tool === "clear") placed = [];
    if (stroke.tool === "picture") placed = [{ stroke, width: stroke.width, height: stroke.height }];
    if (stroke.tool === "drawing") ({ ground, placed } = flatten(stroke));
    ({ width, height } = sizeAfter(stroke, { width, height }));
    if (stroke.tool === "shape") placed = changed(placed, stroke, { width, height });
    else if ("box" in stroke || "points" in stroke || "at" in stroke || stroke.tool === "group") placed.push({ stroke, width, height });
  }
  return { ground, placed, width, height };
}

/**
 * Return a drawing of the same pixels without hidden strokes and without undo, for saving and sharing.
 * @param {Drawing} drawing
 * @returns {Drawing}
 */
export function visible(drawing) {
  const { ground, placed, width, height } = flatten(drawing);
  const first = placed[0] ?? { width, height };
  /** @type {Stroke[]} */
  const strokes = [];
  let now = { width: first.width, height: first.height };
  for (const { stroke, ...size } of [...placed, { stroke: null, width, height }]) {
    if (size.width !== now.width || size.height !== now.height) strokes.push({ tool: "size", ...size });
    if (stroke) strokes.push(...ungrouped(stroke));
    now = size;
  }
  return { width: first.width, height: first.height, ground, strokes, undone: [] };
}

/** @type {WeakMap<import("../types.js").ShapeStroke, {original: Stroke, stroke: Stroke}>} */
const moved = new WeakMap();

/**
 * Return the visible strokes after a shape was moved, copied or removed. The same change returns the same
 * stroke every time, by which pixels that were painted are known.
 * @param {Placed[]} placed  @param {import("../types.js").ShapeStroke} change  @param {Size} size  of the drawing
 */
function changed(placed, change, size) {
  const before = placed[change.at];
  if (!before || !isShape(before.stroke)) return placed;
  const others = placed.toSpliced(change.at, 1);
  if (change.how === "remove") return others;
  const [dx, dy] = [(change.by[0] * before.width) / size.width, (change.by[1] * before.height) / size.height];
  const known = moved.get(change);
  const stroke = known?.original === before.stroke ? known.stroke : shifted(before.stroke, dx, dy);
  moved.set(change, { original: before.stroke, stroke });
  if (change.how === "copy") return [...placed, { ...before, stroke }];
  return placed.with(change.at, { ...before, stroke });
}

/** Return the strokes of a group, which files of other versions do not know. @param {Stroke} stroke  @returns {Stroke[]} */
const ungrouped = (stroke) => (stroke.tool === "group" ? stroke.strokes.flatMap(ungrouped) : [stroke]);

/**
 * Return the picture strokes, including those inside opened drawings.
 * @param {readonly Stroke[]} strokes
 * @returns {import("../types.js").PictureStroke[]}
 */
export function pictureStrokes(strokes) {
  return strokes.flatMap((stroke) => {
    if (stroke.tool === "drawing") return pictureStrokes(stroke.strokes);
    return stroke.tool === "picture" ? [stroke] : [];
  });
}

/**
 * Return the picture under the strokes, if any.
 * @param {Drawing} drawing
 * @returns {import("../types.js").PictureStroke|null}
 */
export function basePicture(drawing) {
  const first = flatten(drawing).placed[0]?.stroke;
  return first?.tool === "picture" ? first : null;
}

/**
 * @param {Stroke} stroke
 * @param {Size} size
 * @returns {Size}
 */
function sizeAfter(stroke, size) {
  if (stroke.tool === "drawing") return sizeOf(stroke);
  if (stroke.tool === "size" || stroke.tool === "picture") return stroke;
  return size;
}
