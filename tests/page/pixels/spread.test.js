import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../vectors.js";

const { spreadOf } = await load("pixels/spread.js");

test("the spread is the mean deviation, and the map is bright where it is", () => {
  const picture = (level) => Uint8ClampedArray.from({ length: 4 * 8 }, (_, i) => (i % 4 < 3 && i < 16 ? level : 255));
  const { levels, map, width, height } = spreadOf([picture(10), picture(30)], 4, 2);
  assert.deepEqual([levels, width, height], [5, 4, 2]);
  assert.deepEqual([...map.slice(12, 20)], [255, 255, 255, 255, 0, 0, 0, 255]);
});

test("large pictures are sampled, equal ones are no ground for noise in the map", () => {
  const large = new Uint8ClampedArray(4 * 600 * 400).fill(7);
  const { levels, map, width, height } = spreadOf([large, large], 600, 400);
  assert.equal(levels, 0);
  assert.ok(width * height <= 2 ** 16 && map[0] === 0);
});
