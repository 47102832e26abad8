/** Pictures under a drawing: uploads and examples, decoded as the model's sources are made. */

import { fetchWithToken } from "../model/access.js";
import { blankCanvas, contextOf, fromPixels, pixelsOf } from "../paint/canvases.js";
import { snap, toGrey, toPixel } from "../paint/colours.js";
import { pictureStrokes, scaledSize } from "../paint/drawing.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").PictureStroke} PictureStroke
 * @typedef {import("../types.js").Image} Image
 * @typedef {{width: number, height: number}} Size
 * @typedef {{source: HTMLCanvasElement, beneath: HTMLCanvasElement, known: HTMLCanvasElement|null, far: number, size: Size}} Picture
 *   beneath: what an eraser brings back; known: what the result may be compared with;
 *   far: the share of pixels that fit no source; size: of the file
 * @typedef {ReturnType<typeof createPictures>} Pictures
 * @typedef {"all"|"lost"|"unreachable"} Loaded  unreachable: the server does not answer now
 */

// Photographs are kept up to this side; the page draws up to `max_px`.
export const LARGEST_PX = 2048;
const INK_LEVELS = 64;

/**
 * @param {{picture: (id: string) => Promise<Blob|undefined>}} store
 */
export function createPictures(store) {
  /** @type {Map<string, Picture>} */
  const ready = new Map();
  /** @type {{key: string, value: {pixels: Uint32Array, beneath: Uint32Array}}|null} */
  let latest = null;

  /** @param {PictureStroke} stroke  @param {Card} card */
  const keyOf = (stroke, card) => `${processOf(card)}|${stroke.picture ?? `${stroke.model}/${stroke.example}`}`;

  /** @param {PictureStroke} stroke  @param {Card} card  @param {readonly Card[]} cards */
  async function fetchOne(stroke, card, cards) {
    if (stroke.picture !== undefined) {
      const blob = await store.picture(stroke.picture);
      return blob ? prepare(await decode(blob, card), null, card) : null;
    }
    const owner = cards.find(({ name }) => name === stroke.model);
    const example = owner?.examples.find(({ name }) => name === stroke.example);
    if (!example) return null;
    const [source, target] = await Promise.all([
      fetchPicture(example.source, card),
      example.target ? fetchPicture(example.target, null) : null,
    ]);
    return prepare(source, target, card);
  }

  return {
    /**
     * Load the pictures of the strokes. @returns {Promise<Loaded>}
     * @param {readonly import("../types.js").Stroke[]} strokes  @param {Card} card  @param {readonly Card[]} cards
     */
    async load(strokes, card, cards) {
      /** @type {Loaded} */
      let loaded = "all";
      for (const stroke of pictureStrokes(strokes)) {
        const key = keyOf(stroke, card);
        if (ready.has(key)) continue;
        try {
          const picture = await fetchOne(stroke, card, cards);
          if (picture) ready.set(key, picture);
          else loaded = "lost";
        } catch (error) {
          loaded = /** @type {any} */ (error).isUnreachable ? "unreachable" : "lost";
        }
      }
      return loaded;
    },
    /** Drop all pictures but those of the strokes. @param {readonly import("../types.js").Stroke[]} strokes  @param {Card} card */
    keep(strokes, card) {
      const named = new Set(pictureStrokes(strokes).map((stroke) => keyOf(stroke, card)));
      for (const key of ready.keys()) if (!named.has(key)) ready.delete(key);
    },
    /** @param {PictureStroke} stroke  @param {Card} card */
    get: (stroke, card) => ready.get(keyOf(stroke, card)) ?? null,
    /**
     * Return the pixels at a size; null if the picture could not be loaded.
     * @param {PictureStroke} stroke  @param {number} width  @param {number} height  @param {Card} card
     */
    sized(stroke, width, height, card) {
      const picture = ready.get(keyOf(stroke, card));
      if (!picture) return null;
      const key = `${keyOf(stroke, card)}|${width}x${height}`;
      if (latest?.key !== key) {
        const smooth = card.kind !== "labels";
        const pixels = resample(picture.source, width, height, smooth);
        const beneath = picture.beneath === picture.source ? pixels : resample(picture.beneath, width, height, smooth);
        latest = { key, value: { pixels, beneath } };
      }
      return latest.value;
    },
  };
}

/**
 * Return the size at which a picture is drawn on: its own if that is near the training size, else
 * scaled so that the short side is the training size's, as in training.
 * @param {{width: number, height: number}} picture
 * @param {Card} card
 */
export function fitSize({ width, height }, { size_px, max_px }) {
  const [short, long, trained] = [Math.min(width, height), Math.max(width, height), Math.min(...size_px)];
  const near = short >= trained && short <= 2 * trained && long <= max_px;
  const scale = near ? 1 : Math.min(trained / short, max_px / long);
  return scaledSize({ width, height }, scale);
}

/**
 * Return a file as a canvas; throws an Error whose message is a key of the words.
 * @param {Blob} blob
 * @param {Card|null} card  null: a picture that is only shown
 */
export async function decode(blob, card) {
  const exact = card?.kind === "labels";
  /** @type {ImageBitmap} */
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { colorSpaceConversion: exact ? "none" : "default" });
  } catch {
    throw new Error("error_unreadable_picture");
  }
  const most = exact ? card.max_px : LARGEST_PX;
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const canvas = blankCanvas(scaledSize(bitmap, scale));
  const context = contextOf(canvas);
  context.fillStyle = card?.palette[card.ground]?.colour ?? "#ffffff"; // behind transparent pixels
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = !exact;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  Object.assign(canvas.dataset, { width: bitmap.width, height: bitmap.height }); // of the file
  bitmap.close();
  return canvas;
}

/** Return how a picture is processed: models of the same process share it. @param {Card} card */
function processOf({ kind, made, palette }) {
  if (kind === "labels") return palette.map((s) => s.colour).join();
  if (kind === "sketch") return "gray";
  return made === "lab" || made === "gray" ? made : "";
}

/** Return a photograph as the model's source. @param {HTMLCanvasElement} photograph  @param {Card} card */
export const sourceOf = (photograph, card) => prepare(photograph, null, card).source;

/**
 * @param {HTMLCanvasElement} source
 * @param {HTMLCanvasElement|null} target
 * @param {Card} card
 * @returns {Picture}
 */
function prepare(source, target, card) {
  const pixels = pixelsOf(source);
  const size = { width: Number(source.dataset.width), height: Number(source.dataset.height) };
  if (card.kind === "labels") {
    const snapped = snap(pixels, card.palette.map((swatch) => toPixel(swatch.colour)));
    const canvas = fromPixels(snapped.pixels, source);
    return { source: canvas, beneath: canvas, known: target, far: snapped.far, size };
  }
  const process = processOf(card);
  const canvas = process ? fromPixels(toGrey(pixels, process === "lab"), source) : source;
  // If sources are made from photographs, the photograph is the target.
  const original = card.kind === "photograph" && card.made ? source : null;
  const far = card.kind === "sketch" ? shareOfGreys(pixelsOf(canvas)) : 0;
  return { source: canvas, beneath: (card.kind === "mask" && target) || canvas, known: target ?? original, far, size };
}

/** Return the share of pixels that are neither nearly black nor nearly white. @param {Uint32Array} pixels */
function shareOfGreys(pixels) {
  let greys = 0;
  for (const pixel of pixels) if ((pixel & 255) > INK_LEVELS && (pixel & 255) < 255 - INK_LEVELS) greys++;
  return greys / pixels.length;
}

/** @param {string} url  @param {Card|null} card */
async function fetchPicture(url, card) {
  const answer = await fetchWithToken(url).catch(() => null);
  if (answer?.ok) return decode(await answer.blob(), card);
  const isUnreachable = !answer || answer.status >= 500;
  throw Object.assign(new Error("error_unreadable_picture"), { isUnreachable });
}

/** @param {HTMLCanvasElement} canvas  @param {number} width  @param {number} height  @param {boolean} smooth */
function resample(canvas, width, height, smooth) {
  if (canvas.width === width && canvas.height === height) return pixelsOf(canvas);
  const scaled = blankCanvas({ width, height });
  const context = contextOf(scaled);
  context.imageSmoothingEnabled = smooth;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  return pixelsOf(scaled);
}
