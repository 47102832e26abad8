import assert from "node:assert/strict";
import { test } from "node:test";
import { load, skip, vectors } from "./vectors.js";

const { conform, mirrored, toPixels, toTensor } = await load("model/pixels.js");

const furthest = (found, wanted) =>
  wanted.reduce((most, value, i) => Math.max(most, Math.abs(found[i] - value)), 0);
const differing = (found, wanted, by) =>
  wanted.filter((value, i) => Math.abs(found[i] - value) > by).length;

for (const { name, card, width, height, ...wanted } of vectors.cases) {
  const source = toTensor(Uint8ClampedArray.from(wanted.pixels), width, height, card);

  test(`${name}: the tensor of a picture`, { skip }, () => {
    assert.deepEqual([source.channels, source.height, source.width], wanted.padded);
    assert.equal(source.data.length, wanted.tensor.length);
    // Levels come of sums in float32 and in another order: a few may be rounded the other way.
    const isDeep = card.source.depth === "uint16";
    assert.ok(furthest(source.data, wanted.tensor) <= 2.001 / (isDeep ? 65535 : 255));
    assert.ok(isDeep || differing(source.data, wanted.tensor, 1e-6) <= wanted.tensor.length / 50);
  });

  test(`${name}: the pixels of an output`, { skip }, () => {
    const shown = toPixels(Float32Array.from(wanted.output), width, height, source, card);
    assert.equal(shown.length, wanted.shown.length);
    assert.ok(furthest(shown, wanted.shown) <= 1);
    assert.ok(differing(shown, wanted.shown, 0) <= wanted.shown.length / 100);
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
