/** A drawing as a file or a link, and back: what comes from outside is checked here. */

import { sizeOf, visible } from "./drawing.js";

/**
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("../types.js").Kind} Kind
 * @typedef {{format: string, version: number, model: string, kind: Kind, drawing: Omit<Drawing, "undone">, pictures?: Record<string, string>}} Document
 *   pictures: those that strokes name, as data addresses
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
 * @returns {Document}
 */
export function toSaved(drawing, { name, kind }) {
  const { undone: _, ...seen } = visible(drawing);
  return { format: FORMAT, version: VERSION, model: name, kind, drawing: seen };
}

/**
 * The document of parsed JSON; throws an Error whose message is a key of the words.
 * @param {unknown} value
 * @returns {Document}
 */
export function checkSaved(value) {
  const found = /** @type {Document} */ (value);
  if (found?.format !== FORMAT) throw new Error("error_no_drawing");
  if (found.version > VERSION) throw new Error("error_newer_drawing");
  const known = ["labels", "sketch", "photograph", "mask"].includes(found.kind) && typeof found.model === "string";
  if (!known || !isDrawing(found.drawing, 0) || !arePictures(found.pictures)) throw new Error("error_damaged_drawing");
  return found;
}

/**
 * Whether the browser kept a drawing that can still be replayed.
 * @param {unknown} value
 * @returns {value is Drawing}
 */
export function isKept(value) {
  const { undone } = /** @type {any} */ (value) ?? {};
  return isDrawing(value, 0) && Array.isArray(undone) && undone.every((stroke) => isStroke(stroke, 0));
}

/**
 * The strokes of a drawing, scaled down at the end where a side is longer than `most` pixels.
 * @param {Omit<Drawing, "undone">} drawing
 * @param {number} most
 * @returns {Stroke[]}
 */
export function within(drawing, most) {
  const { width, height } = sizeOf(drawing);
  const scale = most / Math.max(width, height);
  if (scale >= 1) return drawing.strokes;
  const side = (/** @type {number} */ px) => Math.max(1, Math.round(px * scale));
  return [...drawing.strokes, { tool: "size", width: side(width), height: side(height) }];
}

/**
 * The drawing for an address: compressed, in letters that addresses allow.
 * @param {Document} document
 */
export async function pack(document) {
  const json = JSON.stringify(mapPoints(document, (points) => points.map((v, i) => tenths(v) - tenths(points[i - 2] ?? 0))));
  const bytes = await through(new Blob([json]), new CompressionStream("deflate-raw"), Infinity);
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/**
 * The inverse; throws an Error whose message is a key of the words.
 * @param {string} text
 * @returns {Promise<Document>}
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
 * The document without the user's own pictures, which are too large for an address.
 * @param {Document} document
 * @returns {Document}
 */
export function withoutPictures(document) {
  const strokes = document.drawing.strokes.filter((s) => s.tool !== "picture" || s.picture === undefined);
  return { ...document, drawing: { ...document.drawing, strokes } };
}

/** @param {number} value */
const tenths = (value) => Math.round(value * SHARED);

/** @param {number[]} differences */
function sums(differences) {
  const last = [0, 0];
  return differences.map((difference, i) => (last[i % 2] += difference) / SHARED);
}

/**
 * @param {Document} document
 * @param {(points: number[]) => number[]} change
 * @returns {Document}
 */
function mapPoints(document, change) {
  const strokes = document.drawing.strokes.map((s) => ("points" in s ? { ...s, points: change(s.points) } : s));
  return { ...document, drawing: { ...document.drawing, strokes } };
}

/**
 * @param {Blob} blob
 * @param {CompressionStream|DecompressionStream} change
 * @param {number} most  bytes: a short link may unfold to gigabytes
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
