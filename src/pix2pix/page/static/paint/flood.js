/** Fill an area of one colour, row by row. */

/**
 * @typedef {import("../types.js").Box} Box
 * @typedef {import("../types.js").Image} Image
 */

/**
 * Fill the area of one colour around (x, y), connected up, down and sideways.
 * @param {Image} image
 * @param {number} x
 * @param {number} y
 * @param {number} colour  pixel
 * @returns {Box|null}  what was changed, null if nothing
 */
export function flood(image, x, y, colour) {
  const { pixels, width, height } = image;
  const old = pixels[y * width + x];
  if (x < 0 || y < 0 || x >= width || y >= height || old === colour) return null;
  const box = { left: x, top: y, right: x + 1, bottom: y + 1 };
  const seeds = [y * width + x];
  while (seeds.length) {
    const seed = /** @type {number} */ (seeds.pop());
    if (pixels[seed] !== old) continue;
    const row = Math.floor(seed / width);
    const [first, last] = [row * width, row * width + width - 1];
    let [left, right] = [seed, seed];
    while (left > first && pixels[left - 1] === old) left--;
    while (right < last && pixels[right + 1] === old) right++;
    pixels.fill(colour, left, right + 1);
    grow(box, left - first, right - first, row);
    if (row > 0) seedRuns(pixels, left - width, right - width, old, seeds);
    if (row < height - 1) seedRuns(pixels, left + width, right + width, old, seeds);
  }
  return box;
}

/**
 * Add one seed for each run of the colour.
 * @param {Uint32Array} pixels
 * @param {number} from
 * @param {number} to
 * @param {number} old
 * @param {number[]} seeds
 */
function seedRuns(pixels, from, to, old, seeds) {
  for (let i = from; i <= to; i++) {
    if (pixels[i] === old && (i === from || pixels[i - 1] !== old)) seeds.push(i);
  }
}

/**
 * @param {Box} box
 * @param {number} left
 * @param {number} right
 * @param {number} row
 */
function grow(box, left, right, row) {
  if (left < box.left) box.left = left;
  if (right >= box.right) box.right = right + 1;
  if (row < box.top) box.top = row;
  if (row >= box.bottom) box.bottom = row + 1;
}
