/** How far variants of one picture are apart: the package's `spread`, in levels of 255. */

const SAMPLED = 2 ** 16; // pixels at most: more would delay a stroke and change no mean

/**
 * Return the mean deviation over the pictures, and a map of it: white where it is largest, black where
 * there is none.
 * @param {Uint8ClampedArray[]} pictures  RGBA of equal size
 * @param {number} width
 * @param {number} height
 */
export function spreadOf(pictures, width, height) {
  const step = Math.max(1, Math.ceil(Math.sqrt((width * height) / SAMPLED)));
  const [columns, rows] = [Math.ceil(width / step), Math.ceil(height / step)];
  const apart = new Float32Array(columns * rows);
  for (let i = 0; i < apart.length; i++) {
    const at = 4 * (Math.floor(i / columns) * step * width + (i % columns) * step);
    for (let c = at; c < at + 3; c++) apart[i] += deviation(pictures, c) / 3;
  }
  const most = Math.max(1, apart.reduce((a, b) => Math.max(a, b), 0));
  const map = new Uint8ClampedArray(4 * apart.length).fill(255);
  apart.forEach((value, i) => map.fill((255 * value) / most, 4 * i, 4 * i + 3));
  return { levels: apart.reduce((a, b) => a + b, 0) / apart.length, map, width: columns, height: rows };
}

/** @param {Uint8ClampedArray[]} pictures  @param {number} at */
function deviation(pictures, at) {
  let [sum, squares] = [0, 0];
  for (const picture of pictures) {
    sum += picture[at];
    squares += picture[at] ** 2;
  }
  return Math.sqrt(Math.max(0, squares / pictures.length - (sum / pictures.length) ** 2));
}
