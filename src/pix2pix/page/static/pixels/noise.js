// The noise z, as networks/noise.py draws it: a 32-bit hash of (seed, sample, layer, channel, row,
// column) decides whether a feature is kept. Math.imul multiplies modulo 2**32.

/** @typedef {{layer: number, channels: number, drop: number}} Layer */

const GOLDEN = 0x9e3779b9; // keeps 0 from being a fixed point of the mixing

/** @param {number} h */
function mix(h) {
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return h ^ (h >>> 15);
}

/** @param {number} h  @param {number} counter */
function absorb(h, counter) {
  return mix(((h ^ counter) + GOLDEN) | 0);
}

/**
 * Return the key of one variant, from a seed and the number of the sample.
 * @param {number} seed  @param {number} sample
 */
export function noiseKey(seed, sample) {
  return absorb(absorb(0, seed | 0), sample | 0);
}

/**
 * Return the factors of a layer's features, (C, H, W): 0, or 1 / (1 - drop) with probability
 * 1 - drop. Rows and columns count from the top left.
 * @param {number} key  @param {Layer} layer  @param {number} height  @param {number} width
 */
export function keepMask(key, { layer, channels, drop }, height, width) {
  const kept = 1 / (1 - drop);
  const threshold = Math.floor(drop * 2 ** 32);
  const mask = new Float32Array(channels * height * width);
  const ofLayer = absorb(key, layer);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    const ofChannel = absorb(ofLayer, c);
    for (let y = 0; y < height; y++) {
      const ofRow = absorb(ofChannel, y);
      for (let x = 0; x < width; x++) {
        mask[at++] = absorb(ofRow, x) >>> 0 >= threshold ? kept : 0;
      }
    }
  }
  return mask;
}
