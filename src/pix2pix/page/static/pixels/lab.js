// sRGB <-> CIE Lab under D65, as the package's derive/lab.py computes it.

import { fromLight, toLight } from "../paint/colours.js";

// Linear sRGB -> XYZ, each row divided by the white D65: both as scikit-image has them.
const WHITE = [0.95047, 1, 1.08883];
const XYZ = [
  [0.412453, 0.35758, 0.180423],
  [0.212671, 0.71516, 0.072169],
  [0.019334, 0.119193, 0.950227],
].flatMap((row, i) => row.map((value) => value / WHITE[i]));
const RGB = inverse(XYZ);
const BREAK = 6 / 29; // below it Lab's cube root is a straight line

const LIGHT = Float64Array.from({ length: 256 }, (_, level) => toLight(level / 255));

/**
 * Return the lightness 0 .. 100 of each pixel, from planes of levels 0 .. 255: RGB or grey.
 * @param {Float32Array[]} planes
 */
export function lightness(planes) {
  const [red, green, blue] = planes.length === 3 ? planes : [planes[0], planes[0], planes[0]];
  const lights = new Float32Array(red.length);
  for (let i = 0; i < lights.length; i++) {
    const y = XYZ[3] * LIGHT[red[i]] + XYZ[4] * LIGHT[green[i]] + XYZ[5] * LIGHT[blue[i]];
    lights[i] = 116 * compress(y) - 16;
  }
  return lights;
}

/**
 * Return planes of a and b, from planes of levels 0 .. 255 of red, green and blue.
 * @param {ArrayLike<number>[]} planes
 */
export function chroma([red, green, blue]) {
  const [as, bs] = [new Float32Array(red.length), new Float32Array(red.length)];
  for (let i = 0; i < as.length; i++) {
    const [r, g, b] = [LIGHT[red[i]], LIGHT[green[i]], LIGHT[blue[i]]];
    const [x, y, z] = [0, 3, 6].map((row) => compress(XYZ[row] * r + XYZ[row + 1] * g + XYZ[row + 2] * b));
    as[i] = 500 * (x - y);
    bs[i] = 200 * (y - z);
  }
  return [as, bs];
}

/**
 * Return planes of red, green and blue, 0 .. 255 and not rounded, from planes of L, a and b.
 * @param {Float32Array} lights  @param {Float32Array} as  @param {Float32Array} bs
 */
export function joinLab(lights, as, bs) {
  const planes = [0, 1, 2].map(() => new Float32Array(lights.length));
  for (let i = 0; i < lights.length; i++) {
    const t = (lights[i] + 16) / 116;
    const [x, y, z] = [uncompress(t + as[i] / 500), uncompress(t), uncompress(Math.max(0, t - bs[i] / 200))];
    for (let c = 0; c < 3; c++) {
      planes[c][i] = 255 * encode(RGB[3 * c] * x + RGB[3 * c + 1] * y + RGB[3 * c + 2] * z);
    }
  }
  return planes;
}

/** @param {number} value */
function compress(value) {
  return value > BREAK ** 3 ? Math.cbrt(value) : value / (3 * BREAK ** 2) + 4 / 29;
}

/** @param {number} t */
function uncompress(t) {
  return t > BREAK ? t * t * t : 3 * BREAK ** 2 * (t - 4 / 29);
}

/** Return sRGB 0 .. 1 of linear light, clipped to the gamut. @param {number} light */
function encode(light) {
  return fromLight(Math.min(1, Math.max(0, light)));
}

/** Invert a matrix of three rows. @param {number[]} matrix */
function inverse([a, b, c, d, e, f, g, h, i]) {
  const adjugate = [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].flat();
  const determinant = a * adjugate[0] + b * adjugate[3] + c * adjugate[6];
  return adjugate.map((value) => value / determinant);
}
