import assert from "node:assert/strict";
import { test } from "node:test";
import { toPixel } from "../../../src/pix2pix/page/static/paint/colours.js";
import { add, createDrawing, undo } from "../../../src/pix2pix/page/static/paint/drawing.js";
import { createSurface } from "../../../src/pix2pix/page/static/paint/surface.js";
import { startStroke } from "../../../src/pix2pix/page/static/paint/tools.js";

const PALETTE = ["#0006d9", "#0d3dfb", "#a50000", "#0075ff", "#68f898"];
const labels = { ink: null, picture: () => null };
const sketch = { ink: "#000000", picture: () => null };

/** Strokes of all tools from a seed, as users draw them. */
function strokes(count, seed = 3) {
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const point = () => ({ x: random() * 80 - 8, y: random() * 80 - 8, ...(random() < 0.3 ? { pressure: random() } : {}) });
  return Array.from({ length: count }, (_, i) => {
    const colour = PALETTE[Math.floor(random() * PALETTE.length)];
    if (i % 5 === 4) return { tool: "fill", colour, at: [Math.floor(random() * 64), Math.floor(random() * 64)] };
    const tool = ["brush", "rectangle", "polygon", "brush"][i % 5];
    const settings = { colour, px: 1 + random() * 12, straight: false };
    const active = startStroke(tool, point(), settings);
    for (let k = 0; k < 6; k++) tool === "polygon" ? active.tap(point()) : active.move([point(), point()], settings);
    return active.end().stroke;
  });
}

const paper = { width: 64, height: 64, ground: PALETTE[1] };

test("label maps hold only colours of the palette, at every size", () => {
  const drawing = createDrawing(paper);
  for (const stroke of strokes(60)) add(drawing, stroke);
  for (const [width, height] of [[64, 64], [100, 37], [17, 130]]) {
    add(drawing, { tool: "size", width, height });
    const surface = createSurface(labels);
    surface.replay(drawing);
    assert.equal(surface.image.pixels.length, width * height);
    const allowed = new Set(PALETTE.map(toPixel));
    assert.ok([...new Set(surface.image.pixels)].every((pixel) => allowed.has(pixel)));
  }
});

test("painting as one goes equals replaying, also after undo", () => {
  const drawing = createDrawing(paper);
  const surface = createSurface(labels);
  surface.replay(drawing);
  const fresh = () => {
    const other = createSurface(labels);
    other.replay(drawing);
    return other.image.pixels;
  };
  for (const stroke of strokes(40, 11)) {
    surface.begin();
    surface.preview(stroke);
    add(drawing, stroke);
  }
  assert.deepEqual(surface.image.pixels, fresh());
  for (let i = 0; i < 30; i++) {
    undo(drawing);
    surface.replay(drawing);
    assert.deepEqual(surface.image.pixels, fresh());
  }
});

test("a line that grows equals the line as a whole", () => {
  for (const style of [labels, sketch]) {
    const surface = createSurface(style);
    surface.replay(createDrawing(paper));
    const before = surface.image.pixels.slice();
    const settings = { colour: "#000000", px: 5, straight: false };
    const active = startStroke("brush", { x: 4, y: 4 }, settings);
    surface.begin();
    surface.extend(active.first().stroke, 0);
    for (const point of [{ x: 30, y: 9 }, { x: 33.3, y: 40 }, { x: 10, y: 60 }]) {
      const step = active.move([point], settings);
      surface.extend(step.stroke, step.from);
    }
    const grown = surface.image.pixels.slice();
    surface.preview(active.end().stroke);
    assert.deepEqual(surface.image.pixels, grown);
    surface.restore();
    assert.deepEqual(surface.image.pixels, before);
  }
});

test("a preview leaves nothing of the one before", () => {
  const surface = createSurface(labels);
  surface.replay(createDrawing(paper));
  const before = surface.image.pixels.slice();
  const box = (side) => ({ tool: "rectangle", colour: PALETTE[2], box: [8, 8, side, side] });
  surface.begin();
  surface.preview(box(40));
  assert.deepEqual(surface.preview(box(4)), { left: 8, top: 8, right: 48, bottom: 48 });
  assert.equal([...surface.image.pixels].filter((pixel, i) => pixel !== before[i]).length, 16);
  surface.restore();
  assert.deepEqual(surface.image.pixels, before);
});

test("an eraser brings the photograph back, in a hole and nowhere else", () => {
  const photograph = Uint32Array.from({ length: 64 * 64 }, (_, i) => i + 1);
  const surface = createSurface({ ink: null, picture: () => ({ pixels: photograph, beneath: photograph }) });
  const drawing = createDrawing(paper);
  add(drawing, { tool: "picture", picture: "a", width: 64, height: 64 });
  add(drawing, { tool: "rectangle", colour: "#7f7f7f", box: [0, 0, 64, 64] });
  add(drawing, { tool: "rectangle", colour: null, box: [0, 0, 64, 32] });
  surface.replay(drawing);
  assert.ok(surface.hasPicture);
  assert.deepEqual(surface.image.pixels.subarray(0, 2048), photograph.subarray(0, 2048));
  assert.deepEqual(new Set(surface.image.pixels.subarray(2048)), new Set([toPixel("#7f7f7f")]));
});

test("a sheet is plain until a stroke leaves a pixel, and again when it is undone or resized", () => {
  const drawing = createDrawing(paper);
  const surface = createSurface(labels);
  surface.replay(drawing);
  assert.ok(surface.isPlain);
  add(drawing, { tool: "rectangle", colour: PALETTE[2], box: [40, 40, 20, 20] });
  surface.replay(drawing);
  assert.ok(!surface.isPlain);
  add(drawing, { tool: "size", width: 8, height: 8 });
  surface.replay(drawing);
  assert.ok(!surface.isPlain);
  add(drawing, { tool: "rectangle", colour: PALETTE[1], box: [0, 0, 8, 8] });
  surface.replay(drawing);
  assert.ok(surface.isPlain);
  for (let i = 0; i < 3; i++) undo(drawing);
  surface.replay(drawing);
  assert.ok(surface.isPlain);
});
