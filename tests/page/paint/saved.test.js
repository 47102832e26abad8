import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSaved, isKept, pack, toSaved, unpack, within, withoutPictures } from "../../../src/pix2pix/page/static/paint/saved.js";
import { add, createDrawing } from "../../../src/pix2pix/page/static/paint/drawing.js";

const card = { name: "facades", kind: "labels" };
const strokes = [
  { tool: "brush", colour: "#ff0000", px: 2.5, points: [1, 2.5, 100.1, 3, -4, 7.7], pressure: [1, 0.5, 0.25] },
  { tool: "rectangle", colour: "#00ff00", box: [0, 0, 10, 10] },
  { tool: "polygon", colour: null, points: [0, 0, 9.9, 0.1, 5, 5] },
  { tool: "fill", colour: "#0000ff", at: [3, 4] },
  { tool: "size", width: 512, height: 256 },
  { tool: "rectangle", colour: "#00ff00", box: [0, 0, 9, 9] },
];
function drawn(...strokes) {
  const drawing = createDrawing({ width: 256, height: 256, ground: "#0d3dfb" });
  for (const stroke of strokes) add(drawing, stroke);
  return toSaved(drawing, card);
}

test("a drawing comes back from a file and from an address as it was", async () => {
  const document = drawn(...strokes);
  assert.deepEqual(checkSaved(JSON.parse(JSON.stringify(document))), document);
  const packed = await pack(document);
  assert.match(packed, /^[\w-]+$/);
  assert.deepEqual(await unpack(packed), document);
});

test("a long sketch makes an address of a few thousand letters", async () => {
  const line = (i) => ({ tool: "brush", colour: "#000000", px: 2, points: Array.from({ length: 80 }, (_, k) => Math.round(10 * (100 + 60 * Math.sin(k / 9 + i) + (k % 2) * i)) / 10) });
  const packed = await pack(drawn(...Array.from({ length: 40 }, (_, i) => line(i))));
  assert.ok(packed.length < 8000, `${packed.length}`);
});

test("addresses leave the user's own pictures out, and examples in", () => {
  const own = drawn({ tool: "picture", picture: "a", width: 9, height: 9 }, strokes[1]);
  assert.deepEqual(withoutPictures(own).drawing.strokes, [strokes[1]]);
  const example = drawn({ tool: "picture", model: "facades", example: "1", width: 9, height: 9 });
  assert.deepEqual(withoutPictures(example), example);
});

test("what is no drawing is refused, whatever is wrong with it", () => {
  const good = drawn(...strokes);
  const wrong = (change) => {
    const copy = JSON.parse(JSON.stringify(good));
    change(copy);
    return copy;
  };
  assert.throws(() => checkSaved(null), /error_no_drawing/);
  assert.throws(() => checkSaved({ other: "json" }), /error_no_drawing/);
  assert.throws(() => checkSaved(wrong((d) => (d.version = 99))), /error_newer_drawing/);
  for (const change of [
    (d) => (d.kind = "video"), (d) => (d.drawing = null), (d) => (d.drawing.width = 1e9), (d) => (d.drawing.ground = "red"),
    (d) => (d.drawing.strokes[0].points = ["a", 1]), (d) => (d.drawing.strokes[0].points = [1, 2, 3]),
    (d) => (d.drawing.strokes[0].pressure = [1]), (d) => (d.drawing.strokes[0].px = null), (d) => (d.drawing.strokes[1].box = [1]),
    (d) => (d.drawing.strokes[1].colour = "javascript:"), (d) => (d.drawing.strokes[3].at = {}),
    (d) => (d.drawing.strokes[4].width = 0.5), (d) => d.drawing.strokes.push({ tool: "drawing" }), (d) => d.drawing.strokes.push(null),
  ]) {
    assert.throws(() => checkSaved(wrong(change)), /error_damaged_drawing/, String(change));
  }
});

test("addresses that were cut, or unfold without end, are refused", async () => {
  const packed = await pack(drawn(...strokes));
  await assert.rejects(unpack(packed.slice(0, -9)), /error_damaged_link/);
  await assert.rejects(unpack("???"), /error_damaged_link/);
  const bomb = await pack({ ...drawn(), more: "a".repeat(9e6) });
  assert.ok(bomb.length < 20000);
  await assert.rejects(unpack(bomb), /error_damaged_link/);
});

test("pictures that are no addresses are refused", () => {
  for (const pictures of [{ x: 1 }, { x: null }, [], "x", null]) {
    assert.throws(() => checkSaved({ ...drawn(), pictures }), { message: "error_damaged_drawing" });
  }
  assert.ok(checkSaved({ ...drawn(), pictures: { x: "data:image/png;base64," } }));
});

test("a drawing larger than the page draws is scaled down, others stay", () => {
  const size = (width, height) => ({ tool: "size", width, height });
  const { drawing } = drawn(strokes[1], size(8192, 2048));
  assert.deepEqual(within(drawing, 1024).slice(drawing.strokes.length), [size(1024, 256)]);
  assert.equal(within(drawing, 8192), drawing.strokes);
});

test("what was kept is a drawing only if all of it can be replayed", () => {
  const kept = { width: 8, height: 8, ground: "#000000", strokes, undone: [strokes[0]] };
  assert.ok(isKept(kept));
  const damaged = [undefined, null, {}, { ...kept, undone: undefined }, { ...kept, strokes: [{}] }, { ...kept, undone: [{ tool: "brush" }] }, { ...kept, width: NaN }];
  for (const other of damaged) assert.equal(isKept(other), false);
});
