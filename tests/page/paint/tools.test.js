import assert from "node:assert/strict";
import { test } from "node:test";
import { startStroke } from "../../../src/pix2pix/page/static/paint/tools.js";

const settings = { colour: "#ff0000", px: 3, straight: false };
const straight = { ...settings, straight: true };

test("a rectangle spans two corners in any order, and is never empty", () => {
  const active = startStroke("rectangle", { x: 20.2, y: 30.6 }, settings);
  assert.deepEqual(active.first().stroke.box, [20, 31, 1, 1]);
  active.move([{ x: 10.4, y: 5 }], settings);
  assert.deepEqual(active.end(), { kind: "commit", stroke: { tool: "rectangle", colour: "#ff0000", box: [10, 5, 10, 26] } });
});

test("Shift makes squares and straight lines", () => {
  const square = startStroke("rectangle", { x: 10, y: 10 }, straight);
  square.move([{ x: 14, y: 2 }], straight);
  assert.deepEqual(square.end().stroke.box, [10, 2, 8, 8]);
  const line = startStroke("brush", { x: 1, y: 1 }, straight);
  line.move([{ x: 5, y: 9 }, { x: 6, y: 6 }], straight);
  line.move([{ x: 9, y: 9 }], straight);
  assert.deepEqual(line.end().stroke.points, [1, 1, 9, 9]);
});

test("a line keeps every point but trembling, and pressure only of a pen", () => {
  const line = startStroke("brush", { x: 1, y: 1 }, settings);
  assert.equal(line.move([{ x: 1.2, y: 1.2 }], settings), null);
  assert.deepEqual(line.move([{ x: 3, y: 1 }, { x: 5.04, y: 1 }], settings).from, 1);
  assert.deepEqual(line.end().stroke, { tool: "brush", colour: "#ff0000", px: 3, points: [1, 1, 3, 1, 5, 1] });
  const pen = startStroke("brush", { x: 1, y: 1, pressure: 0.5 }, settings);
  pen.move([{ x: 3, y: 1, pressure: 0.123 }], settings);
  assert.deepEqual(pen.end().stroke.pressure, [0.5, 0.12]);
});

test("an eraser has no colour", () => {
  assert.equal(startStroke("eraser", { x: 1, y: 1 }, settings).end().stroke.colour, null);
});

test("a polygon needs three corners, and two taps on one place are one", () => {
  const active = startStroke("polygon", { x: 1, y: 1 }, settings);
  active.tap({ x: 9, y: 1 });
  assert.equal(active.end(), null);
  active.tap({ x: 9, y: 1 });
  assert.equal(active.end(), null);
  assert.deepEqual(active.move([{ x: 5, y: 5 }], settings).stroke.points, [1, 1, 9, 1, 5, 5]);
  active.tap({ x: 9, y: 9 });
  assert.deepEqual(active.end().stroke.points, [1, 1, 9, 1, 9, 9]);
});
