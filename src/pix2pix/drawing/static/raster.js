/**
 * Strokes into pixels, without the canvas: its lines are always smoothed, and a label map may hold
 * nothing but the colours of its classes. Functions return the box that they changed, or null.
 */

/**
 * @typedef {import("./types.js").Box} Box
 * @typedef {import("./types.js").Image} Image
 * @typedef {{x: number, y: number, radius: number}} Nib
 *
 * @typedef {object} Paint
 * @property {number} colour  pixel
 * @property {number} [under]  soft edges: the pixel from which the colour grows by coverage
 * @property {Uint32Array} [reveal]  paint these pixels instead of the colour
 */

// A segment is painted piece by piece: the boxes of short pieces hold few pixels beside the line.
const PIECE_PX = 48;

/**
 * The line that a round nib leaves; its radius may change on the way.
 * @param {Image} image
 * @param {Nib} from
 * @param {Nib} to
 * @param {Paint} paint
 * @returns {Box|null}
 */
export function paintSegment(image, from, to, paint) {
  const pieces = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / PIECE_PX));
  /** @type {Box|null} */
  let changed = null;
  for (let i = 0; i < pieces; i++) {
    const [a, b] = [between(from, to, i / pieces), between(from, to, (i + 1) / pieces)];
    changed = union(changed, paintPiece(image, a, b, paint));
  }
  return changed;
}

/**
 * @param {Image} image
 * @param {Box} box  of whole numbers
 * @param {Paint} paint
 * @returns {Box|null}
 */
export function paintBox(image, box, paint) {
  const inside = clip(box, image);
  if (inside) for (let y = inside.top; y < inside.bottom; y++) paintRun(image, y, inside.left, inside.right, paint);
  return inside;
}

/**
 * The pixels whose centres lie inside, by the even-odd rule.
 * @param {Image} image
 * @param {readonly number[]} points  x, y, x, y, ...
 * @param {Paint} paint
 * @returns {Box|null}
 */
export function paintPolygon(image, points, paint) {
  const xs = points.filter((_, i) => i % 2 === 0);
  const ys = points.filter((_, i) => i % 2 === 1);
  const around = clip(
    {
      left: Math.floor(Math.min(...xs)), top: Math.floor(Math.min(...ys)),
      right: Math.ceil(Math.max(...xs)), bottom: Math.ceil(Math.max(...ys)),
    },
    image,
  );
  if (!around) return null;
  for (let y = around.top; y < around.bottom; y++) {
    const cuts = crossings(xs, ys, y + 0.5);
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      const left = Math.max(around.left, Math.ceil(cuts[i] - 0.5));
      const right = Math.min(around.right, Math.ceil(cuts[i + 1] - 0.5));
      if (right > left) paintRun(image, y, left, right, paint);
    }
  }
  return around;
}

/**
 * The smallest box around both.
 * @param {Box|null} a
 * @param {Box|null} b
 * @returns {Box|null}
 */
export function union(a, b) {
  if (!a || !b) return a ?? b;
  return {
    left: Math.min(a.left, b.left), top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right), bottom: Math.max(a.bottom, b.bottom),
  };
}

/**
 * Copy a box from pixels of the same size.
 * @param {Image} image
 * @param {Uint32Array} pixels
 * @param {Box} box
 */
export function copyBox(image, pixels, box) {
  for (let y = box.top; y < box.bottom; y++) {
    const row = y * image.width;
    image.pixels.set(pixels.subarray(row + box.left, row + box.right), row + box.left);
  }
}

/**
 * @param {Image} image
 * @param {Nib} a
 * @param {Nib} b
 * @param {Paint} paint
 */
function paintPiece(image, a, b, paint) {
  const soft = paint.under !== undefined;
  const reach = Math.max(a.radius, b.radius) + (soft ? 0.5 : 0);
  const box = clip(
    {
      left: Math.floor(Math.min(a.x, b.x) - reach), top: Math.floor(Math.min(a.y, b.y) - reach),
      right: Math.ceil(Math.max(a.x, b.x) + reach), bottom: Math.ceil(Math.max(a.y, b.y) + reach),
    },
    image,
  );
  if (!box) return null;
  const [dx, dy, growth] = [b.x - a.x, b.y - a.y, b.radius - a.radius];
  const squared = dx * dx + dy * dy || 1;
  for (let y = box.top; y < box.bottom; y++) {
    for (let x = box.left, i = y * image.width + x; x < box.right; x++, i++) {
      const [px, py] = [x + 0.5 - a.x, y + 0.5 - a.y];
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
      const inside = a.radius + growth * along - Math.hypot(px - along * dx, py - along * dy);
      if (soft) {
        if (inside > -0.5) image.pixels[i] = blend(image.pixels[i], paint, Math.min(1, inside + 0.5));
      } else if (inside > -1e-6) {
        image.pixels[i] = paint.reveal ? paint.reveal[i] : paint.colour;
      }
    }
  }
  return box;
}

/**
 * The colour by coverage, unless the pixel is nearer to it already: painting the joint of two
 * segments twice then leaves no knot, as blending would.
 * @param {number} old
 * @param {Paint} paint
 * @param {number} coverage
 */
function blend(old, paint, coverage) {
  let pixel = 0xff000000;
  for (let shift = 0; shift < 24; shift += 8) {
    const [ink, under] = [(paint.colour >> shift) & 255, (/** @type {number} */ (paint.under) >> shift) & 255];
    const wanted = Math.round(under + (ink - under) * coverage);
    const now = (old >> shift) & 255;
    pixel |= (Math.abs(now - ink) < Math.abs(wanted - ink) ? now : wanted) << shift;
  }
  return pixel >>> 0;
}

/**
 * @param {Image} image
 * @param {number} y
 * @param {number} left
 * @param {number} right
 * @param {Paint} paint
 */
function paintRun(image, y, left, right, paint) {
  const [start, end] = [y * image.width + left, y * image.width + right];
  if (paint.reveal) image.pixels.set(paint.reveal.subarray(start, end), start);
  else image.pixels.fill(paint.colour, start, end);
}

/**
 * Where the outline crosses a height, from left to right.
 * @param {number[]} xs
 * @param {number[]} ys
 * @param {number} y
 */
function crossings(xs, ys, y) {
  const found = [];
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    if (ys[i] <= y !== ys[j] <= y) found.push(xs[i] + ((y - ys[i]) * (xs[j] - xs[i])) / (ys[j] - ys[i]));
  }
  return found.sort((a, b) => a - b);
}

/**
 * @param {Nib} a
 * @param {Nib} b
 * @param {number} share
 */
function between(a, b, share) {
  const mix = (/** @type {number} */ from, /** @type {number} */ to) => from + (to - from) * share;
  return { x: mix(a.x, b.x), y: mix(a.y, b.y), radius: mix(a.radius, b.radius) };
}

/**
 * @param {Box} box
 * @param {Image} image
 * @returns {Box|null}
 */
function clip(box, image) {
  const [left, top] = [Math.max(0, box.left), Math.max(0, box.top)];
  const [right, bottom] = [Math.min(image.width, box.right), Math.min(image.height, box.bottom)];
  return right > left && bottom > top ? { left, top, right, bottom } : null;
}
