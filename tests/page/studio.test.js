import assert from "node:assert/strict";
import { test } from "node:test";
import { createDrawing } from "../../src/pix2pix/page/static/drawing.js";
import { createHand } from "../../src/pix2pix/page/static/hand.js";
import { createStudio } from "../../src/pix2pix/page/static/studio.js";
import { createSurface } from "../../src/pix2pix/page/static/surface.js";

const card = { name: "a", kind: "labels", palette: [{ name: "a", colour: "#000000" }, { name: "b", colour: "#ff0000" }], ground: 0, size_px: [16, 16] };
const rectangle = (box) => ({ tool: "rectangle", colour: "#ff0000", box });
const paper = () => createDrawing({ width: 16, height: 16, ground: "#000000" });

function desk(tool) {
  const studio = createStudio({ sized: () => null });
  const hand = createHand(studio, { now: { tool, colour: "#ff0000", px: 3 } }, () => {});
  studio.open(card, paper());
  return { studio, hand };
}

function replayed(drawing) {
  const surface = createSurface({ ink: null, picture: () => null });
  surface.replay(drawing);
  return surface.image.pixels;
}

const happenings = {
  "an addition": (studio) => studio.add(rectangle([9, 9, 4, 4])),
  "clearing all": (studio) => studio.add({ tool: "clear" }),
  "another size": (studio) => studio.add({ tool: "size", width: 32, height: 20 }),
  "another drawing": (studio) => studio.add({ tool: "drawing", ...paper(), ground: "#ff0000" }),
  undo: (studio) => studio.undo(),
  redo: (studio) => studio.redo(),
  "another model": (studio) => studio.open({ ...card, name: "b" }, paper()),
};

for (const [name, happen] of Object.entries(happenings)) {
  test(`${name} in the middle of a stroke: the pixels equal a replay`, () => {
    for (const tool of ["brush", "rectangle", "polygon"]) {
      const { studio, hand } = desk(tool);
      studio.add(rectangle([0, 0, 7, 7]));
      studio.add(rectangle([4, 4, 7, 7]));
      studio.undo();
      hand.down({ x: 2, y: 2 });
      hand.move([{ x: 8, y: 9 }]);
      happen(studio);
      assert.equal(hand.isDrawing, false);
      hand.move([{ x: 12, y: 3 }]);
      hand.up();
      assert.deepEqual(studio.image.pixels, replayed(studio.drawing), tool);
      assert.ok(studio.drawing.strokes.every((stroke) => stroke.tool !== "brush"));
    }
  });
}
