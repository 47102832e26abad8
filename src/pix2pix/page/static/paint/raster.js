/**
 * Paint strokes into pixels without the canvas, whose lines are always smoothed: a label map may hold
 * only the colours of its classes. Functions return the box that they changed, or null.
 */

/**
 * @typedef {import("../types.js").Box} Box
 * @typedef {import("../types.js").Image} Image
 *
 * @typedef {object} Paint
 * @property {number} colour  pixel
 * @property {number} [under]  soft edges: the pixel from which the colour grows by coverage
 * @property {Uint32Array} [reveal]  paint these pixels instead of the colour
 */

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
 * Paint the pixels whose centres lie inside, by the even-odd rule.
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
 * Return the smallest box around both.
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
 * Paint the pixels of a row from `left` to before `right`.
 * @param {Image} image
 * @param {number} y
 * @param {number} left
 * @param {number} right
 * @param {Paint} paint
 */
export function paintRun(image, y, left, right, paint) {
  const [start, end] = [y * image.width + left, y * image.width + right];
  if (paint.reveal) image.pixels.set(paint.reveal.subarray(start, end), start);
  else image.pixels.fill(paint.colour, start, end);
}

/**
 * Return where the outline crosses a height, from left to right.
 * @param {number[]} xs
 * @param {number[]} ys
 * @param {number} y
 */
function crossings(xs, ys, y) {
  const cuts = [];
  for (let i = 0, j = xs.length - 1; i < xs.length; j = i++) {
    if (ys[i] <= y !== ys[j] <= y) cuts.push(xs[i] + ((y - ys[i]) * (xs[j] - xs[i])) / (ys[j] - ys[i]));
  }
  return cuts.sort((a, b) => a - b);
}

/**
 * Return the part of a box that lies on the image.
 * @param {Box} box
 * @param {Image} image
 * @returns {Box|null}
 */
export function clip(box, image) {
  const [left, top] = [Math.max(0, box.left), Math.max(0, box.top)];
  const [right, bottom] = [Math.min(image.width, box.right), Math.min(image.height, box.bottom)];
  return right > left && bottom > top ? { left, top, right, bottom } : null;
}
