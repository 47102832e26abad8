// Pixels <-> tensors, as images.py does it: a canvas has RGBA of 8 bits, a tensor is (C, H, W)
// float32 in [-1, 1]. A picture contract says what lies between; models.json holds it.

import { downscale } from "./downscale.js";
import { joinLab, lightness } from "./lab.js";

/**
 * The tensor of a drawing: {data, channels, height, width}, mirrored at the right and the bottom
 * up to multiples of `multiple_px`, and `planes`, the values (H, W each) that it was made of.
 */
export function toTensor(pixels, width, height, card) {
  const contract = card.source;
  const planes = sourcePlanes(pixels, width, height, card);
  const inTensor = contract.one_hot
    ? contract.classes.map((_, c) => mapped(planes[0], (number) => (number === c ? 1 : -1)))
    : planes.map((plane) => mapped(plane, scaling(contract)));
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

/** RGBA of the network's output, cropped to `width` x `height`; `source` is what toTensor gave. */
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
  return pixels;
}

/** The values that a source is made of, as translator.source makes them of a picture. */
function sourcePlanes(pixels, width, height, card) {
  if (isLab(card)) return [lightness(conform(pixels, { ...card.photograph, depth: "uint8" }))];
  const [recipe, factor] = card.made.split(":");
  if (recipe !== "downscale") return conform(pixels, card.source); // grey is in the contract
  return downscale(conform(pixels, card.photograph), width, height, Number(factor));
}

/**
 * Planes in the contract's channels and depth, or one plane of class numbers where labels are
 * one-hot. A colour of no class becomes that of the nearest; transparency is laid on white.
 */
export function conform(pixels, contract) {
  const plane = (valueAt) => {
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
  const levels = contract.depth === "uint16" ? 257 : 1;
  const hasAlpha = contract.channels === 2 || contract.channels === 4;
  const onWhite = (value, alpha) => Math.round((value * alpha) / 255 + levels * (255 - alpha));
  const colours = [0, 1, 2].map((c) =>
    plane((i) => onWhite(levels * pixels[i + c], hasAlpha ? 255 : pixels[i + 3])),
  );
  const planes = contract.channels < 3 ? [grey(colours)] : colours;
  return hasAlpha ? [...planes, plane((i) => levels * pixels[i + 3])] : planes;
}

/** Indexes 0 .. n-1, n-1 .. 0, 0 ..: a picture mirrored at its border as often as needed. */
export function mirrored(length, wanted) {
  return Int32Array.from({ length: wanted }, (_, i) => {
    const place = i % (2 * length);
    return Math.min(place, 2 * length - 1 - place);
  });
}

/** The smallest multiple that is not below the length. */
export function nextMultiple(length, multiple) {
  return Math.ceil(length / multiple) * multiple;
}

function isLab(card) {
  return card.made === "lab" && card.photograph !== null;
}

function grey([red, green, blue]) {
  return mapped(red, (level, i) => Math.round(0.299 * level + 0.587 * green[i] + 0.114 * blue[i]));
}

function crop(plane, stride, width, height) {
  const cropped = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    cropped.set(plane.subarray(y * stride, y * stride + width), y * width);
  }
  return cropped;
}

/** As `plane.map`, which takes five times as long. */
function mapped(plane, change) {
  const values = new Float32Array(plane.length);
  for (let i = 0; i < values.length; i++) values[i] = change(plane[i], i);
  return values;
}

/** Levels 0 .. 255, one plane for greys, three for colours, four with transparency. */
function shownPlanes(planes, source, card) {
  const contract = card.target;
  if (contract.one_hot) return classColours(planes, contract.classes);
  const unscale = unscaling(contract);
  if (isLab(card)) return joinLab(source, ...planes.map((plane) => mapped(plane, unscale)));
  const shown = planes.length === 2 || planes.length > 4 ? planes.slice(0, 1) : planes;
  const level = leveling(contract);
  return shown.map((plane) => mapped(plane, (value) => level(unscale(value))));
}

function classColours(planes, classes) {
  const numbers = mapped(planes[0], (_, i) => largest(planes, i));
  return [0, 1, 2].map((c) => mapped(numbers, (number) => classes[number].colour[c]));
}

function largest(planes, i) {
  let best = 0;
  for (let c = 1; c < planes.length; c++) if (planes[c][i] > planes[best][i]) best = c;
  return best;
}

// Both in steps of float32, as torch computes them.
function scaling({ low, high }) {
  const step = Math.fround(2 / (high - low));
  return (value) => Math.fround(Math.fround(value - low) * step) - 1;
}

function unscaling({ low, high }) {
  const step = Math.fround((high - low) / 2);
  return (value) => Math.fround(Math.fround(Math.fround(value + 1) * step) + low);
}

function leveling({ depth, low, high }) {
  if (depth === "uint8") return (value) => value;
  if (depth === "uint16") return (value) => Math.round(value) / 257;
  return (value) => (255 * (value - low)) / (high - low);
}

/** Colour 0xrrggbb -> number of the nearest class, the first of equals; each is sought once. */
function nearestClass(classes) {
  const known = new Map();
  const distance = (code, [r, g, b]) =>
    ((code >> 16) - r) ** 2 + (((code >> 8) & 255) - g) ** 2 + ((code & 255) - b) ** 2;
  return (code) => {
    if (!known.has(code)) {
      const distances = classes.map((entry) => distance(code, entry.colour));
      known.set(code, distances.indexOf(Math.min(...distances)));
    }
    return known.get(code);
  };
}
