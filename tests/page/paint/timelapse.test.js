import assert from "node:assert/strict";
import { test } from "node:test";
import { statesOf } from "../../../src/pix2pix/page/static/paint/timelapse.js";

const rectangle = (left) => ({ tool: "rectangle", colour: "#ff0000", box: [left, 0, 1, 1] });
const line = (count) => ({ tool: "brush", colour: null, px: 2, points: Array.from({ length: 2 * count }, (_, i) => i), pressure: Array(count).fill(1) });
const drawing = (strokes) => ({ width: 9, height: 9, ground: "#000000", strokes, undone: [rectangle(8)] });

test("every stroke is a state, and what was undone is none", () => {
  const strokes = [rectangle(1), rectangle(2), rectangle(3)];
  assert.deepEqual(statesOf(drawing(strokes), 60).map((state) => state.strokes), [strokes.slice(0, 1), strokes.slice(0, 2), strokes]);
});

test("a long line grows, and ends whole", () => {
  const states = statesOf(drawing([line(100)]), 60);
  assert.deepEqual(states.map(({ strokes }) => strokes[0].points.length), [80, 160, 200]);
  assert.deepEqual(states.map(({ strokes }) => strokes[0].pressure.length), [40, 80, 100]);
});

test("of many states some are chosen, the last among them", () => {
  const strokes = Array.from({ length: 100 }, (_, i) => rectangle(i));
  const states = statesOf(drawing(strokes), 7);
  assert.equal(states.length, 7);
  assert.deepEqual(states[6].strokes, strokes);
  assert.deepEqual(statesOf(drawing([]), 7), []);
});
