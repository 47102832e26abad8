// Thin black lines of a photograph, as the package's derive/edges.py draws them by Canny's detector.

import { extremes, transposed } from "./planes.js";

/**
 * @typedef {{low: number, high: number, sigma: number}} Thresholds  parts of the contrast; blur in pixels
 */

const SHORTEST_PX = 10;
const FAINTEST = 255 / 10;

/** Return the thresholds of a model's source recipe, else the package's own. @param {string} made */
export function thresholdsOf(made) {
  const [kind, low, high, sigma] = made.split(":");
  if (kind !== "edges" || !high) return { low: 0.1, high: 0.25, sigma: 1.8 };
  return { low: Number(low), high: Number(high), sigma: Number(sigma ?? 1.8) };
}

/**
 * Return 1 on the lines, else 0.
 * @param {Uint8ClampedArray} pixels  RGBA  @param {number} width  @param {number} height
 * @param {Thresholds} thresholds
 */
export function drawEdges(pixels, width, height, { low, high, sigma }) {
  const weights = gaussian(sigma);
  const planes = [0, 1, 2].map((c) => {
    const plane = Float32Array.from({ length: width * height }, (_, i) => pixels[4 * i + c]);
    return transposed(blurred(transposed(blurred(plane, width, weights), width), height, weights), height);
  });
  const spans = planes.map((plane) => extremes([plane])).map(([least, most]) => most - least);
  const contrast = Math.max(FAINTEST, ...spans);
  const middle = (weights.length - 1) / 2;
  // Sobel of a blurred step of height h is 4 h (w[0] + w[1]), with w the weights of the blur.
  const step = contrast * 4 * (weights[middle] + weights[middle + 1]);
  const drawn = new Uint8Array(width * height);
  for (const plane of planes) canny(plane, width, height, low * step, high * step).forEach((on, i) => (drawn[i] |= on));
  thin(drawn, width, height);
  for (const line of linesOf(drawn, width, height)) if (line.length < SHORTEST_PX) for (const i of line) drawn[i] = 0;
  return drawn;
}

/** @param {number} sigma  @returns {number[]}  which sum to 1 */
function gaussian(sigma) {
  const reach = Math.max(1, Math.floor(4 * sigma + 0.5));
  const weights = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

/** Blur each row; the outermost pixels go on. @param {Float32Array} plane  @param {number} width  @param {number[]} weights */
function blurred(plane, width, weights) {
  const reach = (weights.length - 1) / 2;
  return plane.map((_, i) => {
    const x = i % width;
    let sum = 0;
    for (let k = -reach; k <= reach; k++) sum += weights[k + reach] * plane[i - x + Math.max(0, Math.min(width - 1, x + k))];
    return sum;
  });
}

/**
 * Return 1 where the slope is at least `low`, steepest across the line, and connected to one of `high`.
 * @param {Float32Array} plane  @param {number} width  @param {number} height
 * @param {number} low  @param {number} high
 */
function canny(plane, width, height, low, high) {
  const [dx, dy, slope] = slopes(plane, width, height);
  const at = (/** @type {number} */ x, /** @type {number} */ y) =>
    slope[Math.max(0, Math.min(height - 1, y)) * width + Math.max(0, Math.min(width - 1, x))];
  const ridge = new Uint8Array(plane.length);
  for (let i = 0; i < plane.length; i++) {
    if (slope[i] < low || slope[i] === 0) continue;
    const [x, y, across, down] = [i % width, Math.floor(i / width), Math.abs(dx[i]), Math.abs(dy[i])];
    const turn = dx[i] * dy[i] < 0 ? -1 : 1;
    const share = Math.min(across, down) / Math.max(across, down);
    // Between the two neighbours towards which the slope points.
    const along = (/** @type {number} */ way) => {
      const straight = across > down ? at(x + way, y) : at(x, y + way);
      const slanted = across > down ? at(x + way, y + way * turn) : at(x + way * turn, y + way);
      return straight * (1 - share) + slanted * share;
    };
    if (slope[i] >= along(1) && slope[i] >= along(-1)) ridge[i] = 1;
  }
  for (const line of linesOf(ridge, width, height)) if (!line.some((i) => slope[i] >= high)) for (const i of line) ridge[i] = 0;
  return ridge;
}

/** Return Sobel's slopes along x and y, and their length. @param {Float32Array} plane  @param {number} width  @param {number} height */
function slopes(plane, width, height) {
  const [dx, dy, slope] = [0, 0, 0].map(() => new Float32Array(plane.length));
  for (let i = 0; i < plane.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)];
    const [above, here, below] = [Math.max(0, y - 1), y, Math.min(height - 1, y + 1)].map((row) => row * width);
    dx[i] = plane[above + right] - plane[above + left] + 2 * (plane[here + right] - plane[here + left]) + plane[below + right] - plane[below + left];
    dy[i] = plane[below + left] - plane[above + left] + 2 * (plane[below + x] - plane[above + x]) + plane[below + right] - plane[above + right];
    slope[i] = Math.hypot(dx[i], dy[i]);
  }
  return [dx, dy, slope];
}

/** Return the connected lines as lists of pixels. @param {Uint8Array} drawn  @param {number} width  @param {number} height */
function linesOf(drawn, width, height) {
  const seen = new Uint8Array(drawn.length);
  /** @type {number[][]} */
  const lines = [];
  for (let start = 0; start < drawn.length; start++) {
    if (!drawn[start] || seen[start]) continue;
    const line = [start];
    seen[start] = 1;
    for (let k = 0; k < line.length; k++) {
      for (const i of around(line[k], width, height)) {
        if (i < 0 || !drawn[i] || seen[i]) continue;
        seen[i] = 1;
        line.push(i);
      }
    }
    lines.push(line);
  }
  return lines;
}

/** Return the eight neighbours clockwise from above, -1 outside. @param {number} i  @param {number} width  @param {number} height */
function around(i, width, height) {
  const [x, y] = [i % width, Math.floor(i / width)];
  return [[0, -1], [1, -1], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1]].map(([right, down]) => {
    const [column, row] = [x + right, y + down];
    return column < 0 || row < 0 || column >= width || row >= height ? -1 : row * width + column;
  });
}

/** Thin lines to one pixel in place (Zhang and Suen, 1984). @param {Uint8Array} drawn  @param {number} width  @param {number} height */
function thin(drawn, width, height) {
  for (let turn = 0, idle = 0; idle < 2; turn = 1 - turn) {
    const gone = [];
    for (let i = 0; i < drawn.length; i++) {
      if (!drawn[i]) continue;
      const ring = around(i, width, height).map((k) => (k < 0 ? 0 : drawn[k]));
      const count = ring.reduce((a, b) => a + b);
      if (count < 2 || count > 6) continue;
      const starts = ring.filter((on, k) => !on && ring[(k + 1) % 8]).length;
      const [north, , east, , south, , west] = ring;
      const open = turn === 0 ? !(north && east && south) && !(east && south && west) : !(north && east && west) && !(north && south && west);
      if (starts === 1 && open) gone.push(i);
    }
    for (const i of gone) drawn[i] = 0;
    idle = gone.length ? 0 : idle + 1;
  }
  for (let i = drawn.length - 1; i >= 0; i--) if (drawn[i] && isCorner(around(i, width, height).map((k) => (k < 0 ? 0 : drawn[k])))) drawn[i] = 0;
}

/** Return whether a pixel is the corner of a stair, whose neighbours touch without it. @param {number[]} ring */
function isCorner(ring) {
  const sides = [0, 2, 4, 6].filter((k) => ring[k] && ring[(k + 2) % 8]).length;
  const gaps = [0, 2, 4, 6].filter((k) => !ring[k] && (ring[k + 1] || ring[(k + 2) % 8])).length;
  return sides > 0 && gaps === 1;
}
