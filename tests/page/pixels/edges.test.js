import assert from "node:assert/strict";
import { test } from "node:test";
import { load, vectors } from "../vectors.js";

const { drawEdges, thresholdsOf } = await load("pixels/edges.js");

test("the lines are those of the package, but for single pixels", () => {
  const { width, height, pixels, lines } = vectors.edges;
  const drawn = drawEdges(Uint8ClampedArray.from(pixels), width, height, thresholdsOf(""));
  const count = (list) => list.reduce((a, b) => a + b, 0);
  const differ = lines.filter((line, i) => line !== drawn[i]).length;
  assert.ok(count(lines) > 150);
  assert.ok(differ <= 0.02 * count(lines), `${differ} of ${count(lines)} pixels differ`);
});

test("thresholds are those of the model's own recipe", () => {
  assert.deepEqual(thresholdsOf("edges:0.2:0.4:3.0"), { low: 0.2, high: 0.4, sigma: 3 });
  assert.deepEqual(thresholdsOf("hed:weights.pth"), thresholdsOf(""));
});

test("a photograph without contrast has no lines", () => {
  assert.ok(!drawEdges(new Uint8ClampedArray(4 * 20 * 20).fill(120), 20, 20, thresholdsOf("")).includes(1));
});
