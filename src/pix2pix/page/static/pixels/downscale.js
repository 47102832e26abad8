// Shrink by averages of squares and enlarge again by bicubic curves: `downscale` of derive/recipe.py.

import { extremes, transposed } from "./planes.js";

/** @typedef {{first: number, weights: number[], coarse: number}} Curve */

/**
 * Return planes (H, W) of a photograph as a network that sharpens sees them in training.
 * @param {Float32Array[]} planes  @param {number} width  @param {number} height
 * @param {number} factor
 */
export function downscale(planes, width, height, factor) {
  const [least, most] = extremes(planes);
  const columns = curves(width, Math.ceil(width / factor), factor);
  const rows = curves(height, Math.ceil(height / factor), factor);
  return planes.map((plane) => {
    const coarse = reduce(plane, width, height, factor);
    const wide = transposed(weighted(coarse, columns), width);
    const whole = transposed(weighted(wide, rows), height);
    return whole.map((value) => Math.round(Math.min(most, Math.max(least, value))));
  });
}

/**
 * Average squares; those that the border cuts are averaged over the rest.
 * @param {Float32Array} plane  @param {number} width  @param {number} height
 * @param {number} factor
 */
function reduce(plane, width, height, factor) {
  const [columns, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const coarse = new Float32Array(columns * rows);
  for (let row = 0; row < rows; row++) {
    const bottom = Math.min(height, (row + 1) * factor);
    for (let column = 0; column < columns; column++) {
      const right = Math.min(width, (column + 1) * factor);
      let sum = 0;
      for (let y = row * factor; y < bottom; y++) {
        for (let x = column * factor; x < right; x++) sum += plane[y * width + x];
      }
      coarse[row * columns + column] = sum / ((bottom - row * factor) * (right - column * factor));
    }
  }
  return coarse;
}

/**
 * Return, for each pixel of a line of `length`, the first of the `coarse` pixels and the weights from
 * there on.
 * @param {number} length  @param {number} coarse  @param {number} factor  @returns {Curve[]}
 */
function curves(length, coarse, factor) {
  return Array.from({ length }, (_, place) => {
    const centre = (place + 0.5) / factor;
    const first = Math.max(0, Math.trunc(centre - 1.5));
    const last = Math.min(coarse, Math.trunc(centre + 2.5));
    const weights = Array.from({ length: last - first }, (_, i) => bicubic(first + i + 0.5 - centre));
    const sum = weights.reduce((a, b) => a + b);
    return { first, weights: weights.map((weight) => weight / sum), coarse };
  });
}

/** @param {number} distance */
function bicubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * Enlarge each line of a plane: (lines, coarse) -> (lines, length).
 * @param {Float32Array} plane  @param {Curve[]} places
 */
function weighted(plane, places) {
  const { coarse } = places[0];
  const lines = plane.length / coarse;
  const wide = new Float32Array(lines * places.length);
  let at = 0;
  for (let line = 0; line < lines; line++) {
    for (const { first, weights } of places) {
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * plane[line * coarse + first + i];
      wide[at++] = sum;
    }
  }
  return wide;
}
