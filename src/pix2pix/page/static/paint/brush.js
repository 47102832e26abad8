/** Lines of a round brush: hard to the pixel, or smooth at the edges. */

import { clip, paintRun } from "./raster.js";

/**
 * @typedef {import("../types.js").Box} Box
 * @typedef {import("../types.js").Image} Image
 * @typedef {import("./raster.js").Paint} Paint
 * @typedef {{x: number, y: number, radius: number}} Disc  the brush at one point
 */

// Rounding must not lose a pixel whose centre lies on the edge.
const EPSILON = 1e-6;

/**
 * Paint the convex hull of two discs: a line whose width may change on the way. Each of its rows is
 * one run of pixels.
 * @param {Image} image
 * @param {Disc} from
 * @param {Disc} to
 * @param {Paint} paint
 * @returns {Box|null}
 */
export function paintSegment(image, from, to, paint) {
  const soft = paint.under !== undefined;
  const outer = [grown(from, soft ? 0.5 : 0), grown(to, soft ? 0.5 : 0)];
  const inner = [grown(from, -0.5), grown(to, -0.5)];
  const box = clip(
    {
      left: Math.floor(Math.min(...outer.map((n) => n.x - n.radius))), top: Math.floor(Math.min(...outer.map((n) => n.y - n.radius))),
      right: Math.ceil(Math.max(...outer.map((n) => n.x + n.radius))), bottom: Math.ceil(Math.max(...outer.map((n) => n.y + n.radius))),
    },
    image,
  );
  if (!box) return null;
  const [outerSides, innerSides] = [tangents(outer), soft ? tangents(inner) : []];
  for (let y = box.top; y < box.bottom; y++) {
    const [left, right] = runOf(outer, outerSides, y, box);
    if (right <= left) continue;
    if (!soft) {
      paintRun(image, y, left, right, paint);
      continue;
    }
    const [full, end] = runOf(inner, innerSides, y, box);
    if (end > full) {
      paintEdge(image, y, left, full, from, to, paint);
      paintRun(image, y, full, end, paint);
      paintEdge(image, y, end, right, from, to, paint);
    } else {
      paintEdge(image, y, left, right, from, to, paint);
    }
  }
  return box;
}

/**
 * Paint part of a row, each pixel by how far it lies inside.
 * @param {Image} image
 * @param {number} y
 * @param {number} left
 * @param {number} right
 * @param {Disc} a
 * @param {Disc} b
 * @param {Paint} paint
 */
function paintEdge(image, y, left, right, a, b, paint) {
  const [dx, dy, growth] = [b.x - a.x, b.y - a.y, b.radius - a.radius];
  const squared = dx * dx + dy * dy || 1;
  for (let x = left; x < right; x++) {
    const [px, py] = [x + 0.5 - a.x, y + 0.5 - a.y];
    const along = Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
    const inside = a.radius + growth * along - Math.hypot(px - along * dx, py - along * dy);
    const i = y * image.width + x;
    if (inside > -0.5) image.pixels[i] = blend(image.pixels[i], paint, Math.min(1, inside + 0.5));
  }
}

/**
 * Return the columns of a row, first and one past the last, whose centres lie inside the hull.
 * @param {Disc[]} discs
 * @param {number[][]} sides  the tangents
 * @param {number} row
 * @param {Box} box
 * @returns {[number, number]}
 */
function runOf(discs, sides, row, box) {
  const y = row + 0.5;
  let [left, right] = [Infinity, -Infinity];
  for (const { x, y: middle, radius } of discs) {
    const squared = radius * radius - (y - middle) * (y - middle);
    if (radius < 0 || squared < -EPSILON) continue;
    const half = Math.sqrt(Math.max(0, squared));
    left = Math.min(left, x - half);
    right = Math.max(right, x + half);
  }
  for (const [x1, y1, x2, y2] of sides) {
    if (y1 === y2 || y < Math.min(y1, y2) || y > Math.max(y1, y2)) continue;
    const x = x1 + ((y - y1) * (x2 - x1)) / (y2 - y1);
    left = Math.min(left, x);
    right = Math.max(right, x);
  }
  const [first, last] = [Math.ceil(left - 0.5 - EPSILON), Math.floor(right - 0.5 + EPSILON) + 1];
  return [Math.max(box.left, first), Math.min(box.right, last)];
}

/**
 * Return the two outer tangents as x1, y1, x2, y2; none if one disc contains the other.
 * @param {Disc[]} discs
 */
function tangents([a, b]) {
  const [dx, dy, shrink] = [b.x - a.x, b.y - a.y, a.radius - b.radius];
  const apart = Math.hypot(dx, dy);
  if (a.radius < 0 || b.radius < 0 || apart <= Math.abs(shrink)) return [];
  const [along, across] = [shrink / apart, Math.sqrt(1 - (shrink / apart) ** 2)];
  return [1, -1].map((side) => {
    const [nx, ny] = [(along * dx - side * across * dy) / apart, (along * dy + side * across * dx) / apart];
    return [a.x + a.radius * nx, a.y + a.radius * ny, b.x + b.radius * nx, b.y + b.radius * ny];
  });
}

/** @param {Disc} disc  @param {number} by */
const grown = ({ x, y, radius }, by) => ({ x, y, radius: radius + by });

/**
 * Return the colour by coverage, unless the pixel is nearer to it already: the joint of two segments
 * is painted twice, and plain blending would leave a knot there.
 * @param {number} old
 * @param {Paint} paint
 * @param {number} coverage
 */
function blend(old, paint, coverage) {
  let pixel = 0xff000000;
  for (let shift = 0; shift < 24; shift += 8) {
    const [ink, under] = [(paint.colour >> shift) & 255, (/** @type {number} */ (paint.under) >> shift) & 255];
    const mixed = Math.round(under + (ink - under) * coverage);
    const now = (old >> shift) & 255;
    pixel |= (Math.abs(now - ink) < Math.abs(mixed - ink) ? now : mixed) << shift;
  }
  return pixel >>> 0;
}
