// Pixels <-> tensors, as pictures/tensors.py does it: a canvas has RGBA of 8 bits, a tensor is
// (C, H, W) float32 in [-1, 1]. The picture contract in models.json says how they correspond.

import { luma, nearest } from "../paint/colours.js";
import { downscale } from "./downscale.js";
import { joinLab, lightness } from "./lab.js";
import { mapped } from "./planes.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../model/engine.js").Tensor} Tensor
 * @typedef {{name: string, colour: number[]}} LabelClass
 *
 * @typedef {object} Contract  a PictureContract of the package
 * @property {number} channels
 * @property {"uint8"|"uint16"|"float32"} depth
 * @property {number} low  the value that becomes -1
 * @property {number} high  the value that becomes 1
 * @property {LabelClass[]} classes
 * @property {boolean} one_hot
 * @property {number|"nan"|null} [fill]  what stands for pixels without data
 * @property {boolean} [clip]  whether the range was stated, and values outside count as its ends
 */

/**
 * Return the tensor of a drawing, padded by mirroring at the right and the bottom to multiples of
 * `multiple_px`, and `planes`, the values (H, W each) before that.
 * @param {Uint8ClampedArray} pixels  RGBA  @param {number} width  @param {number} height
 * @param {Card} card
 * @returns {Tensor & {planes: Float32Array[]}}
 */
export function toTensor(pixels, width, height, card) {
  const contract = card.source;
  const planes = sourcePlanes(pixels, width, height, card);
  const inTensor = contract.one_hot
    ? contract.classes.map((_, c) => mapped(planes[0], (number) => (number === c ? 1 : -1)))
    : planes.map((plane) => mapped(plane, scaling(contract)));
  const missing = withoutData(planes, contract);
  if (missing) for (const plane of inTensor) missing.forEach((i) => (plane[i] = 0));
  const rows = mirrored(height, nextMultiple(height, card.multiple_px));
  const columns = mirrored(width, nextMultiple(width, card.multiple_px));
  const data = new Float32Array(inTensor.length * rows.length * columns.length);
  let at = 0;
  for (const plane of inTensor) {
    for (const row of rows) {
      const start = row * width;
      for (let x = 0; x < columns.length; x++) data[at++] = plane[start + columns[x]];
    }
  }
  return { data, channels: inTensor.length, height: rows.length, width: columns.length, planes };
}

/**
 * Return RGBA of the network's output (C, H, W), cropped to `width` x `height`.
 * @param {Float32Array} output  @param {number} width  @param {number} height
 * @param {Tensor & {planes: Float32Array[]}} source  from toTensor  @param {Card} card
 */
export function toPixels(output, width, height, source, card) {
  const size = source.height * source.width;
  const planes = Array.from({ length: output.length / size }, (_, c) =>
    crop(output.subarray(c * size, (c + 1) * size), source.width, width, height),
  );
  const shown = shownPlanes(planes, source.planes[0], card);
  const pixels = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let c = 0; c < 4; c++) {
    const plane = c < 3 ? shown[Math.min(c, shown.length - 1)] : shown[3];
    // Assigning to a clamped array rounds halves to even, as numpy does.
    for (let i = 0; plane && i < plane.length; i++) pixels[4 * i + c] = plane[i];
  }
  const { fill } = card.target;
  const missing = typeof fill === "number" && withoutData(source.planes, card.source);
  if (missing) {
    const level = leveling(card.target)(Number(fill));
    for (const i of missing) pixels.fill(level, 4 * i, 4 * i + Math.max(3, shown.length));
  }
  return pixels;
}

/**
 * Return the places where every plane has the value that stands for no data.
 * @param {Float32Array[]} planes  @param {Contract} contract
 */
function withoutData(planes, { fill, depth }) {
  if (typeof fill !== "number" || depth === "float32") return null;
  const places = [];
  for (let i = 0; i < planes[0].length; i++) if (planes.every((plane) => plane[i] === fill)) places.push(i);
  return places;
}

/**
 * Return the values of the source, as `source` of inference/translator.py derives them from a picture.
 * @param {Uint8ClampedArray} pixels  @param {number} width  @param {number} height
 * @param {Card} card
 */
function sourcePlanes(pixels, width, height, card) {
  const { source, photograph } = card;
  const [recipe, factor] = card.made.split(":");
  if (!photograph) return conform(pixels, source);
  if (recipe === "lab") return [lightness(conform(pixels, { ...photograph, depth: "uint8" }))];
  if (recipe !== "downscale") return conform(pixels, source); // grey is in the contract
  return downscale(conform(pixels, photograph), width, height, Number(factor));
}

/**
 * Return planes in the contract's channels and depth, or one plane of class numbers if labels are
 * one-hot. A colour of no class becomes the nearest class; transparency is laid on white.
 * @param {Uint8ClampedArray} pixels  @param {Contract} contract
 */
export function conform(pixels, contract) {
  const plane = (/** @type {(at: number) => number} */ valueAt) => {
    const values = new Float32Array(pixels.length / 4);
    for (let i = 0; i < values.length; i++) values[i] = valueAt(4 * i);
    return values;
  };
  if (contract.classes.length) {
    const classOf = nearestClass(contract.classes);
    const numbers = plane((i) => classOf((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]));
    if (contract.one_hot) return [numbers];
    return [0, 1, 2].map((c) => mapped(numbers, (number) => contract.classes[number].colour[c]));
  }
  const inRange = contract.depth === "uint16" && contract.clip;
  const levels = contract.depth === "uint16" && !inRange ? 257 : 1;
  const hasAlpha = contract.channels === 2 || contract.channels === 4;
  /** @param {number} value  @param {number} alpha */
  const onWhite = (value, alpha) => Math.round((value * alpha) / 255 + levels * (255 - alpha));
  const colours = [0, 1, 2].map((c) =>
    plane((i) => onWhite(levels * pixels[i + c], hasAlpha ? 255 : pixels[i + 3])),
  );
  const planes = contract.channels < 3 ? [grey(colours)] : colours;
  if (hasAlpha) planes.push(plane((i) => levels * pixels[i + 3]));
  if (!inRange) return planes;
  const span = Math.fround(contract.high - contract.low);
  const inStated = (/** @type {number} */ level) =>
    Math.round(Math.fround(Math.fround(Math.fround(level / 255) * span) + contract.low));
  return planes.map((values) => mapped(values, inStated));
}

/**
 * Return indexes 0 .. n-1, n-1 .. 0, 0 ..: a picture mirrored at its border as often as needed.
 * @param {number} length  @param {number} padded
 */
export function mirrored(length, padded) {
  return Int32Array.from({ length: padded }, (_, i) => {
    const place = i % (2 * length);
    return Math.min(place, 2 * length - 1 - place);
  });
}

/** Return the smallest multiple that is not below the length. @param {number} length  @param {number} multiple */
function nextMultiple(length, multiple) {
  return Math.ceil(length / multiple) * multiple;
}

/** @param {Float32Array[]} colours */
function grey([red, green, blue]) {
  return mapped(red, (level, i) => luma(level, green[i], blue[i]));
}

/**
 * @param {Float32Array} plane  @param {number} stride  @param {number} width
 * @param {number} height
 */
function crop(plane, stride, width, height) {
  const cropped = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    cropped.set(plane.subarray(y * stride, y * stride + width), y * width);
  }
  return cropped;
}

/**
 * Return levels 0 .. 255: one plane for greys, three for colours, four with transparency.
 * @param {Float32Array[]} planes  of the output  @param {Float32Array} source  @param {Card} card
 */
function shownPlanes(planes, source, card) {
  const contract = card.target;
  if (contract.one_hot) return classColours(planes, contract.classes);
  const unscale = unscaling(contract);
  if (card.made === "lab") return joinLab(source, mapped(planes[0], unscale), mapped(planes[1], unscale));
  const shown = planes.length === 2 || planes.length > 4 ? planes.slice(0, 1) : planes;
  const level = leveling(contract);
  return shown.map((plane) => mapped(plane, (value) => level(unscale(value))));
}

/** @param {Float32Array[]} planes  @param {LabelClass[]} classes */
function classColours(planes, classes) {
  const numbers = mapped(planes[0], (_, i) => largest(planes, i));
  return [0, 1, 2].map((c) => mapped(numbers, (number) => classes[number].colour[c]));
}

/** @param {Float32Array[]} planes  @param {number} i */
function largest(planes, i) {
  let best = 0;
  for (let c = 1; c < planes.length; c++) if (planes[c][i] > planes[best][i]) best = c;
  return best;
}

// Both compute in steps of float32, as torch does.

/** @param {Contract} contract */
function scaling({ low, high, clip }) {
  const step = Math.fround(2 / (high - low));
  const scale = (/** @type {number} */ value) => Math.fround(Math.fround(value - low) * step) - 1;
  return clip ? (/** @type {number} */ value) => Math.min(1, Math.max(-1, scale(value))) : scale;
}

/** @param {Contract} contract */
function unscaling({ low, high }) {
  const step = Math.fround((high - low) / 2);
  return (/** @type {number} */ value) =>
    Math.fround(Math.fround(Math.fround(value + 1) * step) + low);
}

/** @param {Contract} contract  @returns {(value: number) => number} */
function leveling({ depth, low, high, clip }) {
  if (depth === "uint8") return (value) => value;
  if (depth === "uint16" && !clip) return (value) => Math.round(value) / 257;
  const whole = depth === "uint16" ? Math.round : (/** @type {number} */ value) => value;
  return (value) => (255 * (whole(value) - low)) / (high - low);
}

/**
 * Return a function from a colour 0xrrggbb to the number of the nearest class, the first of equals.
 * @param {LabelClass[]} classes
 */
function nearestClass(classes) {
  /** @type {Map<number, number>} */
  const known = new Map();
  const codes = classes.map(({ colour: [r, g, b] }) => (r << 16) | (g << 8) | b);
  return (/** @type {number} */ code) => {
    const number = known.get(code) ?? nearest(code, codes);
    known.set(code, number);
    return number;
  };
}
