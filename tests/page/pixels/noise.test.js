import assert from "node:assert/strict";
import { test } from "node:test";
import { load, skip, vectors } from "../vectors.js";

const { keepMask, noiseKey } = await load("pixels/noise.js");

test("masks are those of networks/noise.py", { skip }, () => {
  for (const { seed, sample, layer, drop, kept } of vectors.masks) {
    const mask = keepMask(noiseKey(seed, sample), { layer, channels: 3, drop }, 5, 7);
    const factor = Math.fround(1 / (1 - drop));
    assert.deepEqual(Array.from(mask), kept.map((one) => one * factor));
  }
});

test("a larger picture sees the mask of a smaller one in its corner", () => {
  const layer = { layer: 0, channels: 1, drop: 0.5 };
  const [small, large] = [keepMask(noiseKey(1, 2), layer, 2, 2), keepMask(noiseKey(1, 2), layer, 4, 8)];
  assert.deepEqual([...small], [large[0], large[1], large[8], large[9]]);
});
