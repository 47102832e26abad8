import assert from "node:assert/strict";
import { test } from "node:test";
import { createDrawing } from "../../../src/pix2pix/page/static/paint/drawing.js";
import { createAids } from "../../../src/pix2pix/page/static/input/aids.js";
import { createStrokeInput } from "../../../src/pix2pix/page/static/input/stroke-input.js";
import { createEditor } from "../../../src/pix2pix/page/static/paint/editor.js";
import { createSurface } from "../../../src/pix2pix/page/static/paint/surface.js";

const card = { name: "a", kind: "labels", palette: [{ name: "a", colour: "#000000" }, { name: "b", colour: "#ff0000" }], ground: 0, size_px: [16, 16] };
const rectangle = (box) => ({ tool: "rectangle", colour: "#ff0000", box });
const paper = () => createDrawing({ width: 16, height: 16, ground: "#000000" });

function desk(tool) {
  const editor = createEditor({ sized: () => null });
  const choice = { now: { tool, colour: "#ff0000", px: 3, grid: 0, mirror: false, stamp: null }, on: () => {} };
  const strokeInput = createStrokeInput(editor, choice, () => {}, createAids(editor, choice, () => {}));
  editor.open(card, paper());
  return { editor, strokeInput };
}

function replayed(drawing) {
  const surface = createSurface({ ink: null, picture: () => null });
  surface.replay(drawing);
  return surface.image.pixels;
}

const happenings = {
  "an addition": (editor) => editor.add(rectangle([9, 9, 4, 4])),
  "clearing all": (editor) => editor.add({ tool: "clear" }),
  "another size": (editor) => editor.add({ tool: "size", width: 32, height: 20 }),
  "another drawing": (editor) => editor.add({ tool: "drawing", ...paper(), ground: "#ff0000" }),
  undo: (editor) => editor.undo(),
  redo: (editor) => editor.redo(),
  "another model": (editor) => editor.open({ ...card, name: "b" }, paper()),
};

for (const [name, happen] of Object.entries(happenings)) {
  test(`${name} in the middle of a stroke: the pixels equal a replay`, () => {
    for (const tool of ["brush", "rectangle", "polygon"]) {
      const { editor, strokeInput } = desk(tool);
      editor.add(rectangle([0, 0, 7, 7]));
      editor.add(rectangle([4, 4, 7, 7]));
      editor.undo();
      strokeInput.down({ x: 2, y: 2 });
      strokeInput.move([{ x: 8, y: 9 }]);
      happen(editor);
      assert.equal(strokeInput.isDrawing, false);
      strokeInput.move([{ x: 12, y: 3 }]);
      strokeInput.up();
      assert.deepEqual(editor.image.pixels, replayed(editor.drawing), tool);
      assert.ok(editor.drawing.strokes.every((stroke) => stroke.tool !== "brush"));
    }
  });
}
