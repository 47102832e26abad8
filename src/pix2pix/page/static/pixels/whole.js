// A photograph of full size from the network's small result: the colours, or what fills the hole.

import { createSurface } from "../paint/surface.js";
import { scaledSize } from "../paint/drawing.js";
import { toPixel } from "../paint/colours.js";
import { chroma, joinLab, lightness } from "./lab.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {{width: number, height: number}} Size
 * @typedef {Size & {data: Uint8ClampedArray}} Pixels  RGBA
 */

// Browsers on phones have no larger canvas.
const MOST_PIXELS = 2 ** 24;
const STRIP = 64; // rows: planes of floats for a whole photograph would take gigabytes

/** Return whether the result of a model can have the photograph's own size. @param {Card} card */
export function keepsSize({ kind, made }) {
  return kind === "mask" || (kind === "photograph" && (made === "lab" || made === "gray"));
}

/**
 * Return the size of the result: the photograph's own, within what a browser holds.
 * @param {Size} photograph  @param {number} [longest]  side
 */
export function wholeSize({ width, height }, longest = Infinity) {
  const scale = Math.min(1, longest / Math.max(width, height), Math.sqrt(MOST_PIXELS / (width * height)));
  return scaledSize({ width, height }, scale);
}

/**
 * Colour a photograph: its own lightness, and the enlarged colours of a small result.
 * @param {Pixels} photograph  changed in place
 * @param {Pixels} small
 */
export function colourWhole({ data, width, height }, small) {
  const colours = chroma([0, 1, 2].map((c) => levelsOf(small.data, c)));
  const columns = places(width, small.width);
  const rows = places(height, small.height);
  for (let top = 0; top < height; top += STRIP) {
    const strip = data.subarray(4 * top * width, 4 * Math.min(height, top + STRIP) * width);
    const levels = [0, 1, 2].map((c) => levelsOf(strip, c));
    const [as, bs] = colours.map((plane) => enlarge(plane, small.width, rows.slice(top, top + STRIP), columns));
    for (const [c, plane] of joinLab(lightness(levels), as, bs).entries()) {
      for (let i = 0; i < plane.length; i++) strip[4 * i + c] = plane[i];
    }
  }
}

/**
 * Replace the hole of a photograph, and nothing else.
 * @param {Pixels} photograph  changed in place
 * @param {Pixels} filled  of the same size
 * @param {Uint8Array} hole  1 where it is
 */
export function fillWhole({ data }, filled, hole) {
  const [to, from] = [new Uint32Array(data.buffer), new Uint32Array(filled.data.buffer)];
  for (let i = 0; i < hole.length; i++) if (hole[i]) to[i] = from[i];
}

/**
 * Return where the drawing's strokes leave a hole, at any size: 1 there, else 0.
 * @param {Drawing} drawing  @param {Size} size
 */
export function holeOf(drawing, { width, height }) {
  const white = new Uint32Array(width * height).fill(toPixel("#ffffff"));
  const surface = createSurface({ ink: null, picture: () => ({ pixels: white, beneath: white }) });
  surface.replay({ ...drawing, ground: "#ffffff", strokes: [...drawing.strokes, { tool: "size", width, height }] });
  const hole = new Uint8Array(white.length);
  for (let i = 0; i < hole.length; i++) hole[i] = Number(surface.image.pixels[i] !== white[i]);
  return hole;
}

/** @param {Uint8ClampedArray} data  RGBA  @param {number} channel */
function levelsOf(data, channel) {
  const plane = new Float32Array(data.length / 4);
  for (let i = 0; i < plane.length; i++) plane[i] = data[4 * i + channel];
  return plane;
}

/**
 * Return for each pixel of a long line the two of the short line around its centre, and their shares.
 * @param {number} length  @param {number} short
 */
function places(length, short) {
  return Array.from({ length }, (_, i) => {
    const at = Math.max(0, Math.min(short - 1, ((i + 0.5) * short) / length - 0.5));
    const first = Math.min(short - 1, Math.floor(at));
    return { first, second: Math.min(short - 1, first + 1), share: at - first };
  });
}

/**
 * Enlarge a plane by straight lines between its values.
 * @param {Float32Array} plane  @param {number} stride
 * @param {ReturnType<typeof places>} rows  @param {ReturnType<typeof places>} columns
 */
function enlarge(plane, stride, rows, columns) {
  const large = new Float32Array(rows.length * columns.length);
  let at = 0;
  for (const row of rows) {
    const [upper, lower] = [row.first * stride, row.second * stride];
    for (const { first, second, share } of columns) {
      const above = plane[upper + first] * (1 - share) + plane[upper + second] * share;
      const below = plane[lower + first] * (1 - share) + plane[lower + second] * share;
      large[at++] = above * (1 - row.share) + below * row.share;
    }
  }
  return large;
}
