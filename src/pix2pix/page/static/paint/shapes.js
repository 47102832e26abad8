/** Drawn shapes as such: their bounds, whether a point lies in one, moved and mirrored copies. */

/**
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("../types.js").Box} Box
 * @typedef {import("../types.js").GroupStroke} GroupStroke
 */

/**
 * Return the stroke moved by some pixels.
 * @param {Stroke} stroke  @param {number} dx  @param {number} dy  @returns {Stroke}
 */
export function shifted(stroke, dx, dy) {
  return mapped(stroke, (x) => x + dx, (y) => y + dy);
}

/**
 * Return the stroke mirrored at the middle of a drawing of this width.
 * @param {Stroke} stroke  @param {number} width  @returns {Stroke}
 */
export function mirrored(stroke, width) {
  if (stroke.tool === "group") return { ...stroke, strokes: stroke.strokes.map((one) => mirrored(one, width)) };
  if (stroke.tool === "rectangle") {
    const [left, top, wide, high] = stroke.box;
    return { ...stroke, box: [width - left - wide, top, wide, high] };
  }
  if (stroke.tool === "fill") return { ...stroke, at: [width - 1 - stroke.at[0], stroke.at[1]] };
  // A pixel holds its left border and not its right one, so that a border's mirror image lies just next to it.
  const edge = stroke.tool === "brush" ? 0.1 : 0;
  return mapped(stroke, (x) => tenth(width - x - edge), (y) => y);
}

/**
 * Return the stroke and its mirror image as one.
 * @param {Stroke} stroke  @param {number} width  @returns {GroupStroke}
 */
export const withMirror = (stroke, width) => ({ tool: "group", strokes: [stroke, mirrored(stroke, width)] });

/** Whether the stroke can be moved: neither a picture nor an area that was filled. @param {Stroke} stroke @returns {boolean} */
export function isShape(stroke) {
  if (stroke.tool === "group") return stroke.strokes.every(isShape);
  return ("box" in stroke || "points" in stroke) && stroke.colour !== null;
}

/** @param {Stroke} stroke  @returns {Box|null} */
export function boundsOf(stroke) {
  if (stroke.tool === "rectangle") {
    const [left, top, width, height] = stroke.box;
    return { left, top, right: left + width, bottom: top + height };
  }
  if (stroke.tool === "group") {
    const boxes = stroke.strokes.map(boundsOf).filter((box) => box !== null);
    return boxes.length ? around(boxes.flatMap((b) => [b.left, b.right]), boxes.flatMap((b) => [b.top, b.bottom]), 0) : null;
  }
  if (!("points" in stroke)) return null;
  const margin = stroke.tool === "brush" ? stroke.px / 2 : 0;
  return around(stroke.points.filter((_, i) => i % 2 === 0), stroke.points.filter((_, i) => i % 2 === 1), margin);
}

/**
 * Return whether a point lies in the shape, or nearer than `near` pixels to a line.
 * @param {Stroke} stroke  @param {number} x  @param {number} y  @param {number} near  @returns {boolean}
 */
export function contains(stroke, x, y, near) {
  if (stroke.tool === "group") return stroke.strokes.some((one) => contains(one, x, y, near));
  if (stroke.tool === "brush") return distance(stroke.points, x, y) <= stroke.px / 2 + near;
  const box = boundsOf(stroke);
  const inBox = box !== null && x >= box.left && x < box.right && y >= box.top && y < box.bottom;
  return inBox && (stroke.tool !== "polygon" || isInside(stroke.points, x, y));
}

/** @param {Stroke} stroke  @param {(x: number) => number} toX  @param {(y: number) => number} toY  @returns {Stroke} */
function mapped(stroke, toX, toY) {
  if (stroke.tool === "group") return { ...stroke, strokes: stroke.strokes.map((one) => mapped(one, toX, toY)) };
  if (stroke.tool === "rectangle") {
    const [left, top, width, height] = stroke.box;
    return { ...stroke, box: [toX(left), toY(top), width, height] };
  }
  return "points" in stroke ? { ...stroke, points: stroke.points.map((v, i) => (i % 2 ? toY(v) : toX(v))) } : stroke;
}

/** @param {number[]} xs  @param {number[]} ys  @param {number} margin  @returns {Box} */
function around(xs, ys, margin) {
  const least = (/** @type {number[]} */ values) => values.reduce((a, b) => Math.min(a, b), Infinity) - margin;
  const most = (/** @type {number[]} */ values) => values.reduce((a, b) => Math.max(a, b), -Infinity) + margin;
  return { left: least(xs), top: least(ys), right: most(xs), bottom: most(ys) };
}

/** Return how far a point is from a line of several pieces. @param {number[]} points  @param {number} x  @param {number} y */
function distance(points, x, y) {
  let nearest = Infinity;
  for (let i = 0; i < points.length; i += 2) {
    const [ax, ay] = [points[Math.max(0, i - 2)], points[Math.max(1, i - 1)]];
    const [dx, dy] = [points[i] - ax, points[i + 1] - ay];
    const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
    nearest = Math.min(nearest, Math.hypot(x - ax - along * dx, y - ay - along * dy));
  }
  return nearest;
}

/** @param {number[]} points  of a polygon  @param {number} x  @param {number} y */
function isInside(points, x, y) {
  let inside = false;
  for (let i = 0, j = points.length - 2; i < points.length; j = i, i += 2) {
    const [ax, ay, bx, by] = [points[i], points[i + 1], points[j], points[j + 1]];
    if (ay > y !== by > y && x < ax + ((y - ay) * (bx - ax)) / (by - ay)) inside = !inside;
  }
  return inside;
}

/** @param {number} value */
const tenth = (value) => Math.round(value * 10) / 10;
