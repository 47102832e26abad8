import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../vectors.js";

const { colourWhole, fillWhole, holeOf, keepsSize, wholeSize } = await load("pixels/whole.js");
const { lightness } = await load("pixels/lab.js");

const picture = (width, height, colourAt) => {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(colourAt(i % width, Math.floor(i / width)), 4 * i);
  return { data, width, height };
};
const lightOf = ({ data }, i) => lightness([0, 1, 2].map((c) => Float32Array.of(data[4 * i + c])))[0];

test("a coloured photograph has its own lightness and the colours of the small result", () => {
  const grey = picture(40, 130, (x, y) => [90 + x, 90 + x, 90 + x]);
  const before = Array.from({ length: 5200 }, (_, i) => lightOf(grey, i));
  colourWhole(grey, picture(4, 13, (x) => (x < 2 ? [160, 110, 90] : [90, 110, 160])));
  before.forEach((light, i) => assert.ok(Math.abs(light - lightOf(grey, i)) < 0.6));
  for (const y of [0, 64, 129]) {
    const [left, right] = [4 * (40 * y), 4 * (40 * y + 39)];
    assert.ok(grey.data[left] > grey.data[left + 2] + 30, "the left is red");
    assert.ok(grey.data[right] < grey.data[right + 2] - 30, "the right is blue");
  }
});

test("a hole has the drawing's shape at any size, and only it is filled", () => {
  const strokes = [{ tool: "picture", width: 8, height: 4 }, { tool: "rectangle", colour: "#7f7f7f", box: [2, 1, 4, 2] }, { tool: "brush", colour: null, px: 2, points: [5, 2] }];
  const hole = holeOf({ width: 8, height: 4, ground: "#ffffff", strokes, undone: [] }, { width: 80, height: 40 });
  const at = (x, y) => hole[80 * y + x];
  assert.deepEqual([at(19, 15), at(20, 15), at(20, 9), at(20, 29), at(59, 12), at(50, 20)], [0, 1, 0, 1, 1, 0]);
  const photograph = picture(80, 40, () => [1, 2, 3]);
  fillWhole(photograph, picture(80, 40, () => [9, 9, 9]), hole);
  for (let i = 0; i < hole.length; i++) assert.equal(photograph.data[4 * i + 1], hole[i] ? 9 : 2);
});

test("sizes stay within what browsers hold, and only photographs' models keep them", () => {
  assert.deepEqual(wholeSize({ width: 4032, height: 3024 }), { width: 4032, height: 3024 });
  const { width, height } = wholeSize({ width: 8000, height: 6000 });
  assert.ok(width * height <= 2 ** 24 + width && Math.abs(width / height - 4 / 3) < 0.01);
  assert.equal(wholeSize({ width: 4032, height: 3024 }, 2048).width, 2048);
  const cards = [["mask", ""], ["photograph", "lab"], ["photograph", "downscale:4"], ["sketch", "edges"]];
  assert.deepEqual(cards.map(([kind, made]) => keepsSize({ kind, made })), [true, true, false, false]);
});
