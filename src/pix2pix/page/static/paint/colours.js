/** Colours as numbers: hexadecimal, pixels, and the nearest colour of a palette. */

/** @typedef {import("../types.js").Swatch} Swatch */

// Squared RGB distance from which a pixel is of no class: JPEG's error around a class is below it.
const FAR = 48 ** 2;

/**
 * Return "#rrggbb" as an opaque pixel.
 * @param {string} hex
 */
export function toPixel(hex) {
  const code = parseInt(hex.slice(1), 16);
  return (0xff000000 | ((code & 255) << 16) | (code & 0xff00) | (code >> 16)) >>> 0;
}

/**
 * Return a pixel as "#rrggbb", without its alpha.
 * @param {number} pixel
 */
export function toHex(pixel) {
  const code = ((pixel & 255) << 16) | (pixel & 0xff00) | ((pixel >> 16) & 255);
  return "#" + code.toString(16).padStart(6, "0");
}

/**
 * Return the swatch of the nearest colour.
 * @param {string} hex
 * @param {readonly Swatch[]} palette  at least one
 */
export function nearestSwatch(hex, palette) {
  const pixels = palette.map((swatch) => toPixel(swatch.colour));
  return palette[nearest(toPixel(hex), pixels)];
}

/**
 * Return every pixel in the nearest colour of the palette. `far` is the share of pixels, 0 to 1, that
 * are near none: almost 0 in a label map, large in a photograph.
 * @param {Uint32Array} pixels
 * @param {readonly number[]} palette  pixels
 * @returns {{pixels: Uint32Array, far: number}}
 */
export function snap(pixels, palette) {
  const exact = new Set(palette);
  const known = new Map(); // colour -> [nearest, is it far]
  const snapped = new Uint32Array(pixels.length);
  let far = 0;
  for (let i = 0; i < pixels.length; i++) {
    const pixel = (pixels[i] | 0xff000000) >>> 0;
    if (exact.has(pixel)) {
      snapped[i] = pixel;
      continue;
    }
    // A photograph has a million colours: those that differ in their last two bits share an answer.
    const rough = pixel & 0xfffcfcfc;
    let match = known.get(rough);
    if (!match) {
      const colour = palette[nearest(pixel, palette)];
      known.set(rough, (match = [colour, distance(pixel, colour) > FAR]));
    }
    snapped[i] = match[0];
    far += match[1];
  }
  return { pixels: snapped, far: far / pixels.length };
}

/**
 * Return the pixels in grey: by lightness, so that a network whose input is CIE L gets the L of the
 * colours, else by luma (Rec. 601), as grey pictures are made.
 * @param {Uint32Array} pixels
 * @param {boolean} byLightness
 */
export function toGrey(pixels, byLightness) {
  const light = Float32Array.from({ length: 256 }, (_, level) => toLight(level / 255));
  const levels = Uint8Array.from({ length: 4097 }, (_, i) => Math.round(255 * fromLight(i / 4096)));
  const grey = new Uint32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const [r, g, b] = [pixels[i] & 255, (pixels[i] >> 8) & 255, (pixels[i] >> 16) & 255];
    const level = byLightness
      ? levels[Math.round(4096 * (0.2126 * light[r] + 0.7152 * light[g] + 0.0722 * light[b]))]
      : luma(r, g, b);
    grey[i] = (0xff000000 | (level << 16) | (level << 8) | level) >>> 0;
  }
  return grey;
}

/**
 * Return whether dark text reads better on the colour than light text (WCAG's relative luminance).
 * @param {string} hex
 */
export function isLight(hex) {
  const pixel = toPixel(hex);
  const [r, g, b] = [0, 8, 16].map((shift) => toLight(((pixel >> shift) & 255) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18;
}

/** Return Rec. 601 luma, rounded, in the levels of its arguments. @param {number} r  @param {number} g  @param {number} b */
export const luma = (r, g, b) => Math.round(0.299 * r + 0.587 * g + 0.114 * b);

/** @param {number} value  sRGB, 0 to 1 */
export const toLight = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

/** @param {number} light  linear, 0 to 1 */
export const fromLight = (light) => (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);

/**
 * Return the index of the nearest colour, the first of equals. All have the same order of channels.
 * @param {number} pixel
 * @param {readonly number[]} palette
 */
export function nearest(pixel, palette) {
  let [best, least] = [0, Infinity];
  for (let i = 0; i < palette.length; i++) {
    const far = distance(pixel, palette[i]);
    if (far < least) [best, least] = [i, far];
  }
  return best;
}

/**
 * @param {number} a
 * @param {number} b
 */
function distance(a, b) {
  const red = (a & 255) - (b & 255);
  const green = ((a >> 8) & 255) - ((b >> 8) & 255);
  const blue = ((a >> 16) & 255) - ((b >> 16) & 255);
  return red * red + green * green + blue * blue;
}
