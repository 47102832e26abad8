import assert from "node:assert/strict";
import { test } from "node:test";
import { clearing, add, basePicture, createDrawing, flatten, redo, sizeOf, undo, visible } from "../../../src/pix2pix/page/static/paint/drawing.js";

const paper = { width: 64, height: 32, ground: "#0000ff" };
const box = (x) => ({ tool: "rectangle", colour: "#ff0000", box: [x, 0, 4, 4] });
const drawn = (...strokes) => {
  const drawing = createDrawing(paper);
  for (const stroke of strokes) add(drawing, stroke);
  return drawing;
};
const seen = (drawing) => flatten(drawing).placed.map(({ stroke }) => stroke);

test("undo is pop, redo is push, and a new stroke forgets what was undone", () => {
  const drawing = drawn(box(0), box(1));
  assert.deepEqual(undo(drawing), box(1));
  assert.deepEqual(drawing.strokes, [box(0)]);
  assert.deepEqual(redo(drawing), box(1));
  undo(drawing);
  add(drawing, box(2));
  assert.deepEqual([drawing.strokes, drawing.undone], [[box(0), box(2)], []]);
  assert.equal(redo(drawing), undefined);
});

test("clearing hides what is older, and undo brings it back", () => {
  const drawing = drawn(box(0), { tool: "clear" }, box(1));
  assert.deepEqual(seen(drawing), [box(1)]);
  undo(drawing);
  undo(drawing);
  assert.deepEqual(seen(drawing), [box(0)]);
});

test("every stroke knows the size that the drawing had", () => {
  const drawing = drawn(box(0), { tool: "size", width: 128, height: 64 }, box(1));
  assert.deepEqual(sizeOf(drawing), { width: 128, height: 64 });
  assert.deepEqual(flatten(drawing).placed.map(({ width }) => width), [64, 128]);
});

test("a picture covers everything and sets the size", () => {
  const picture = { tool: "picture", picture: "a", width: 10, height: 20 };
  const drawing = drawn(box(0), picture, box(1));
  assert.deepEqual(seen(drawing), [picture, box(1)]);
  assert.deepEqual(sizeOf(drawing), { width: 10, height: 20 });
  assert.deepEqual(basePicture(drawing), picture);
  assert.equal(basePicture(drawn(box(0))), null);
});

test("an opened drawing is one stroke, with its own ground", () => {
  const opened = { tool: "drawing", width: 8, height: 8, ground: "#00ff00", strokes: [box(5)] };
  const drawing = drawn(box(0), opened, box(1));
  assert.deepEqual(seen(drawing), [box(5), box(1)]);
  assert.equal(flatten(drawing).ground, "#00ff00");
  undo(drawing);
  undo(drawing);
  assert.equal(flatten(drawing).ground, paper.ground);
  assert.deepEqual(seen(drawing), [box(0)]);
});

test("a saved drawing has the same pixels and hides nothing", () => {
  const size = { tool: "size", width: 128, height: 64 };
  const opened = { tool: "drawing", width: 8, height: 8, ground: "#00ff00", strokes: [box(5), size, box(6)] };
  for (const strokes of [[], [box(0), size, box(1)], [box(0), { tool: "clear" }, box(1), size], [box(0), opened, box(1)]]) {
    const drawing = drawn(...strokes);
    const shared = visible(drawing);
    assert.deepEqual(flatten(shared), flatten(drawing));
    assert.deepEqual(visible(shared), shared);
  }
  assert.deepEqual(visible(drawn(box(0), { tool: "clear" }, box(1))).strokes, [box(1)]);
});

test("a drawing of thousands of strokes loses only hidden ones", () => {
  const drawing = drawn(box(0), { tool: "clear" });
  for (let i = 0; i < 2000; i++) add(drawing, box(i));
  assert.equal(drawing.strokes.length, 2000);
  assert.deepEqual(drawing.strokes[0], box(0));
});

test("clearing keeps a photograph the first time", () => {
  const picture = { tool: "picture", width: 8, height: 8, picture: "a" };
  const drawing = { ...createDrawing({ width: 8, height: 8, ground: "#ffffff" }), strokes: [picture, { tool: "rectangle", colour: "#000000", box: [0, 0, 2, 2] }] };
  assert.deepEqual(clearing(drawing, true), picture);
  assert.deepEqual(clearing({ ...drawing, strokes: [picture] }, true), { tool: "clear" });
  assert.deepEqual(clearing(drawing, false), { tool: "clear" });
});
