import assert from "node:assert/strict";
import { test } from "node:test";
import { createAids } from "../../../src/pix2pix/page/static/input/aids.js";
import { createStrokeInput } from "../../../src/pix2pix/page/static/input/stroke-input.js";
import { createDrawing, visible } from "../../../src/pix2pix/page/static/paint/drawing.js";
import { createEditor } from "../../../src/pix2pix/page/static/paint/editor.js";
import { createSurface } from "../../../src/pix2pix/page/static/paint/surface.js";

const [RED, GROUND] = ["#ff0000", "#000000"];
const stamp = { name: "window", parts: [{ colour: RED, box: [-2, -3, 4, 6] }, { colour: "#0000ff", box: [-3, 3, 6, 1] }] };
const card = { name: "a", kind: "labels", palette: [{ name: "a", colour: GROUND }, { name: "b", colour: RED }], ground: 0, size_px: [16, 16] };

function desk(now = {}) {
  const editor = createEditor({ sized: () => null });
  const choice = { now: { tool: "rectangle", colour: RED, px: 3, grid: 0, mirror: false, stamp, ...now }, on: () => {} };
  const aids = createAids(editor, choice, () => {});
  const strokeInput = createStrokeInput(editor, choice, () => {}, aids);
  editor.open(card, createDrawing({ width: 16, height: 16, ground: GROUND }));
  const drag = (...points) => {
    const [first, ...others] = points.map(([x, y]) => ({ x, y }));
    strokeInput.down(first);
    for (const point of others) strokeInput.move([point]);
    strokeInput.up();
  };
  return { editor, choice, aids, drag };
}

/** Return the drawing as rows of letters, and check that a replay of what is kept shows the same. */
function seen({ image, drawing }) {
  const surface = createSurface({ ink: null, picture: () => null });
  surface.replay(visible(drawing));
  assert.deepEqual(surface.image.pixels, image.pixels);
  return image.pixels;
}

const isRed = (editor, x, y) => seen(editor)[16 * y + x] === 0xff0000ff;

test("a mirrored shape is one stroke with both halves", () => {
  for (const tool of ["rectangle", "brush"]) {
    const { editor, drag } = desk({ tool, mirror: true });
    drag([1, 4], [1, 8], [5, 8]);
    const pixels = seen(editor);
    for (let i = 0; i < 256; i++) assert.equal(pixels[i], pixels[16 * Math.floor(i / 16) + 15 - (i % 16)], `${tool} ${i}`);
    assert.ok(isRed(editor, 2, 5) && isRed(editor, 13, 5), tool);
    editor.undo();
    assert.equal(editor.drawing.strokes.length, 0);
  }
});

test("corners snap to the grid", () => {
  const { editor, drag } = desk({ grid: 4 });
  drag([3, 5.5], [9, 9.9]);
  assert.deepEqual(editor.drawing.strokes[0].box, [4, 4, 4, 4]);
});

test("a stamp is drawn around the point, and scales with the drawing", () => {
  const { editor, drag } = desk({ tool: "stamp" });
  drag([8, 8]);
  assert.deepEqual(editor.drawing.strokes[0].strokes.map(({ box }) => box), [[6, 5, 4, 6], [5, 11, 6, 1]]);
  editor.add({ tool: "size", width: 32, height: 32 });
  drag([16, 16]);
  assert.deepEqual(editor.drawing.strokes[2].strokes[0].box, [12, 10, 8, 12]);
  seen(editor);
});

test("a shape is moved, copied and removed where it lies, and undo brings it back", () => {
  const { editor, choice, aids, drag } = desk();
  drag([1, 1], [4, 4]);
  drag([8, 8], [12, 12]);
  const before = seen(editor).slice();
  choice.now.tool = "select";
  drag([2, 2], [4, 6]);
  assert.ok(isRed(editor, 4, 6) && !isRed(editor, 1, 1) && isRed(editor, 9, 9));
  assert.deepEqual(aids.selection, { left: 3, top: 5, right: 6, bottom: 8 });
  aids.copy();
  assert.deepEqual(aids.selection, { left: 4, top: 6, right: 7, bottom: 9 });
  aids.remove();
  assert.ok(!isRed(editor, 6, 8) && !aids.hasSelected);
  for (let i = 0; i < 3; i++) editor.undo();
  assert.deepEqual(seen(editor), before);
  editor.redo();
  assert.ok(isRed(editor, 4, 6));
});

test("moving one of many shapes repaints those after it, however it is repeated", () => {
  const { editor, choice, drag } = desk();
  for (let i = 0; i < 30; i++) drag([i % 14, Math.floor(i / 2) % 14], [(i % 14) + 2, (Math.floor(i / 2) % 14) + 2]);
  choice.now.tool = "select";
  for (const end of [[9, 1], [1, 9], [12, 12]]) {
    drag([1, 1], end);
    seen(editor);
  }
  for (let i = 0; i < 3; i++) editor.undo(), seen(editor);
});

test("dragging where nothing was drawn selects nothing and changes nothing", () => {
  const { editor, aids, drag } = desk({ tool: "select" });
  drag([2, 2], [9, 9]);
  assert.equal(editor.drawing.strokes.length, 0);
  assert.equal(aids.selection, null);
});
