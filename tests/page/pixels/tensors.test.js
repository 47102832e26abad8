import assert from "node:assert/strict";
import { test } from "node:test";
import { load, skip, vectors } from "../vectors.js";

const { conform, mirrored, toPixels, toTensor } = await load("pixels/tensors.js");

const furthest = (actual, expected) =>
  expected.reduce((most, value, i) => Math.max(most, Math.abs(actual[i] - value)), 0);
const differing = (actual, expected, by) =>
  expected.filter((value, i) => Math.abs(actual[i] - value) > by).length;

for (const { name, card, width, height, ...expected } of vectors.cases) {
  const source = toTensor(Uint8ClampedArray.from(expected.pixels), width, height, card);

  test(`${name}: the tensor of a picture`, { skip }, () => {
    assert.deepEqual([source.channels, source.height, source.width], expected.padded);
    assert.equal(source.data.length, expected.tensor.length);
    // Levels come of sums in float32 and in another order: a few may be rounded the other way.
    const isDeep = card.source.depth === "uint16";
    assert.ok(furthest(source.data, expected.tensor) <= 2.001 / (isDeep ? 65535 : 255));
    assert.ok(isDeep || differing(source.data, expected.tensor, 1e-6) <= expected.tensor.length / 50);
  });

  test(`${name}: the pixels of an output`, { skip }, () => {
    const shown = toPixels(Float32Array.from(expected.output), width, height, source, card);
    assert.equal(shown.length, expected.shown.length);
    assert.ok(furthest(shown, expected.shown) <= 1);
    assert.ok(differing(shown, expected.shown, 0) <= expected.shown.length / 100);
  });
}

test("a colour of no class becomes that of the nearest", () => {
  const classes = [{ colour: [0, 0, 0] }, { colour: [200, 0, 0] }, { colour: [0, 0, 200] }];
  const pixels = Uint8ClampedArray.of(120, 10, 10, 255, 5, 5, 80, 255, 0, 0, 150, 255);
  assert.deepEqual(conform(pixels, { classes, one_hot: true }).map((plane) => [...plane]), [[1, 0, 2]]);
});

test("a pixel fills the whole, mirrored as often as needed", () => {
  assert.deepEqual([...mirrored(1, 4)], [0, 0, 0, 0]);
  assert.deepEqual([...mirrored(3, 8)], [0, 1, 2, 2, 1, 0, 0, 1]);
});
