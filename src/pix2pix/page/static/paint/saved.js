/** A drawing as a file or a link, and back. What comes from outside is checked here. */

import { scaledSize, sizeOf, visible } from "./drawing.js";

/**
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("../types.js").Kind} Kind
 * @typedef {{format: string, version: number, model: string, kind: Kind, drawing: Omit<Drawing, "undone">, pictures?: Record<string, string>}} SavedDrawing
 *   pictures: by the names that strokes use, as data addresses
 */

const [FORMAT, VERSION] = ["pix2pix drawing", 1];
// A side that no page offers, but a file may hold.
const LARGEST_PX = 8192;
const MOST_STROKES = 20000;
// Shared coordinates are whole tenths, each as the difference from the one before: half the bytes.
const SHARED = 10;

/**
 * @param {Drawing} drawing
 * @param {{name: string, kind: Kind}} card
 * @returns {SavedDrawing}
 */
export function toSaved(drawing, { name, kind }) {
  const { undone: _, ...seen } = visible(drawing);
  return { format: FORMAT, version: VERSION, model: name, kind, drawing: seen };
}

/**
 * Return parsed JSON as a saved drawing; throws an Error whose message is a key of the words.
 * @param {unknown} value
 * @returns {SavedDrawing}
 */
export function checkSaved(value) {
  const saved = /** @type {SavedDrawing} */ (value);
  if (saved?.format !== FORMAT) throw new Error("error_no_drawing");
  if (saved.version > VERSION) throw new Error("error_newer_drawing");
  const known = ["labels", "sketch", "photograph", "mask"].includes(saved.kind) && typeof saved.model === "string";
  if (!known || !isDrawing(saved.drawing, 0) || !arePictures(saved.pictures)) throw new Error("error_damaged_drawing");
  return saved;
}

/**
 * Return whether a drawing from the browser's storage can still be replayed.
 * @param {unknown} value
 * @returns {value is Drawing}
 */
export function isKept(value) {
  const { undone } = /** @type {any} */ (value) ?? {};
  return isDrawing(value, 0) && Array.isArray(undone) && undone.every((stroke) => isStroke(stroke, 0));
}

/**
 * Return the strokes of a drawing, scaled down at the end if a side is longer than `most` pixels.
 * @param {Omit<Drawing, "undone">} drawing
 * @param {number} most
 * @returns {Stroke[]}
 */
export function within(drawing, most) {
  const size = sizeOf(drawing);
  const scale = most / Math.max(size.width, size.height);
  return scale >= 1 ? drawing.strokes : [...drawing.strokes, { tool: "size", ...scaledSize(size, scale) }];
}

/**
 * Return the drawing for an address: compressed, in letters that addresses allow.
 * @param {SavedDrawing} saved
 */
export async function pack(saved) {
  const json = JSON.stringify(mapPoints(saved, (points) => points.map((v, i) => tenths(v) - tenths(points[i - 2] ?? 0))));
  const bytes = await through(new Blob([json]), new CompressionStream("deflate-raw"), Infinity);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * Invert `pack`; throws an Error whose message is a key of the words.
 * @param {string} text
 * @returns {Promise<SavedDrawing>}
 */
export async function unpack(text) {
  let value;
  try {
    const letters = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const json = await through(new Blob([bytes]), new DecompressionStream("deflate-raw"), 2 ** 23);
    value = mapPoints(JSON.parse(new TextDecoder().decode(json)), sums);
  } catch {
    throw new Error("error_damaged_link");
  }
  return checkSaved(value);
}

/**
 * Return the saved drawing without the user's own pictures, which are too large for an address.
 * @param {SavedDrawing} saved
 * @returns {SavedDrawing}
 */
export function withoutPictures(saved) {
  const strokes = saved.drawing.strokes.filter((s) => s.tool !== "picture" || s.picture === undefined);
  return { ...saved, drawing: { ...saved.drawing, strokes } };
}

/** @param {number} value */
const tenths = (value) => Math.round(value * SHARED);

/** @param {number[]} differences */
function sums(differences) {
  const last = [0, 0];
  return differences.map((difference, i) => (last[i % 2] += difference) / SHARED);
}

/**
 * @param {SavedDrawing} saved
 * @param {(points: number[]) => number[]} change
 * @returns {SavedDrawing}
 */
function mapPoints(saved, change) {
  const strokes = saved.drawing.strokes.map((s) => ("points" in s ? { ...s, points: change(s.points) } : s));
  return { ...saved, drawing: { ...saved.drawing, strokes } };
}

/**
 * @param {Blob} blob
 * @param {CompressionStream|DecompressionStream} change
 * @param {number} most  bytes: a short link may decompress to gigabytes
 */
async function through(blob, change, most) {
  const reader = blob.stream().pipeThrough(change).getReader();
  const parts = [];
  let bytes = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length;
    if (bytes > most) throw new Error("too long");
    parts.push(part.value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {unknown} value  @param {number} depth  @returns {boolean} */
function isDrawing(value, depth) {
  const { width, height, ground, strokes } = /** @type {any} */ (value) ?? {};
  const sized = isSide(width) && isSide(height) && isColour(ground);
  return sized && Array.isArray(strokes) && strokes.length <= MOST_STROKES && strokes.every((s) => isStroke(s, depth));
}

/** @param {unknown} value */
function arePictures(value) {
  if (value === undefined) return true;
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  return isRecord && Object.values(value).every((address) => typeof address === "string");
}

/** @param {any} stroke  @param {number} depth  @returns {boolean} */
function isStroke(stroke, depth) {
  switch (stroke?.tool) {
    case "brush":
      return isPaint(stroke) && isNumber(stroke.px) && arePoints(stroke.points) && isPressure(stroke);
    case "rectangle":
      return isPaint(stroke) && areNumbers(stroke.box) && stroke.box.length === 4;
    case "polygon":
      return isPaint(stroke) && arePoints(stroke.points);
    case "fill":
      return isColour(stroke.colour) && areNumbers(stroke.at) && stroke.at.length === 2;
    case "clear":
      return true;
    case "group":
      return depth < 8 && Array.isArray(stroke.strokes) && stroke.strokes.every((/** @type {any} */ one) => isStroke(one, depth + 1));
    case "shape":
      return isNumber(stroke.at) && areNumbers(stroke.by) && stroke.by.length === 2;
    case "size":
      return isSide(stroke.width) && isSide(stroke.height);
    case "picture": {
      const named = typeof (stroke.picture ?? stroke.example) === "string";
      return named && isSide(stroke.width) && isSide(stroke.height);
    }
    case "drawing":
      return depth < 8 && isDrawing(stroke, depth + 1);
  }
  return false;
}

/** @param {unknown} value  @returns {value is number} */
const isNumber = (value) => typeof value === "number" && Math.abs(value) <= 1e5;
/** @param {unknown} value */
const isSide = (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LARGEST_PX;
/** @param {unknown} value */
const isColour = (value) => typeof value === "string" && /^#[0-9a-f]{6}$/.test(value);
/** @param {{colour: unknown}} stroke */
const isPaint = ({ colour }) => colour === null || isColour(colour);
/** @param {unknown} value */
const areNumbers = (value) => Array.isArray(value) && value.every(isNumber);
/** @param {unknown} value */
const arePoints = (value) => areNumbers(value) && /** @type {number[]} */ (value).length % 2 === 0 && /** @type {number[]} */ (value).length > 0;
/** @param {{points: number[], pressure?: unknown}} stroke */
const isPressure = ({ points, pressure }) =>
  pressure === undefined || (areNumbers(pressure) && /** @type {number[]} */ (pressure).length * 2 === points.length);
