import assert from "node:assert/strict";
import { test } from "node:test";
import { toPixel } from "../../../src/pix2pix/page/static/paint/colours.js";
import { flood } from "../../../src/pix2pix/page/static/paint/flood.js";
import { paintSegment } from "../../../src/pix2pix/page/static/paint/brush.js";
import { paintBox, paintPolygon } from "../../../src/pix2pix/page/static/paint/raster.js";

const [WHITE, BLACK, RED] = ["#ffffff", "#000000", "#ff0000"].map(toPixel);
const blank = (width, height, colour = WHITE) => ({ pixels: new Uint32Array(width * height).fill(colour), width, height });
const disc = (x, y, radius) => ({ x, y, radius });
/** Rows of letters: a dot for the first colour, a hash for others. */
const show = ({ pixels, width }, ground = WHITE) =>
  Array.from({ length: pixels.length / width }, (_, y) =>
    [...pixels.subarray(y * width, (y + 1) * width)].map((p) => (p === ground ? "." : "#")).join(""));

test("a brush of one pixel leaves one pixel, of three a square of three", () => {
  const image = blank(7, 3);
  paintSegment(image, disc(1.5, 1.5, 0.5), disc(1.5, 1.5, 0.5), { colour: RED });
  paintSegment(image, disc(5.5, 1.5, 1.5), disc(5.5, 1.5, 1.5), { colour: RED });
  assert.deepEqual(show(image), ["....###", ".#..###", "....###"]);
});

test("hard lines hold two colours and have no gaps", () => {
  for (const [x, y] of [[39.5, 3.5], [39.5, 17.5], [2.5, 19.5], [21.5, 19.5]]) {
    const image = blank(40, 20);
    paintSegment(image, disc(0.5, 0.5, 0.5), disc(x, y, 0.5), { colour: RED });
    assert.deepEqual(new Set(image.pixels), new Set([WHITE, RED]));
    const painted = [...image.pixels].filter((p) => p === RED).length;
    assert.ok(painted >= Math.max(x, y), "at least one pixel in every column or row");
  }
});

test("long lines equal their pieces, and outside nothing is touched", () => {
  const [long, pieces] = [blank(200, 20), blank(200, 20)];
  paintSegment(long, disc(-20, -5, 3), disc(260, 30, 3), { colour: RED });
  for (let i = 0; i < 4; i++) {
    paintSegment(pieces, disc(-20 + 70 * i, -5 + 8.75 * i, 3), disc(50 + 70 * i, 3.75 + 8.75 * i, 3), { colour: RED });
  }
  assert.deepEqual(long.pixels, pieces.pixels);
  assert.equal(paintSegment(blank(9, 9), disc(-50, 0, 2), disc(-40, 0, 2), { colour: RED }), null);
});

test("soft lines have grey edges, no knots where segments meet, and are erased completely", () => {
  const once = blank(30, 30);
  const ink = { colour: BLACK, under: WHITE };
  paintSegment(once, disc(5, 5, 1), disc(25, 20, 1), ink);
  const greys = new Set(once.pixels).size;
  assert.ok(greys > 2);
  const twice = { ...once, pixels: once.pixels.slice() };
  paintSegment(twice, disc(5, 5, 1), disc(25, 20, 1), ink);
  assert.deepEqual(twice.pixels, once.pixels);
  paintSegment(twice, disc(5, 5, 4), disc(25, 20, 4), { colour: WHITE, under: BLACK });
  assert.deepEqual(new Set(twice.pixels), new Set([WHITE]));
});

test("an eraser brings back the pixels beneath", () => {
  const image = blank(8, 8, RED);
  const reveal = Uint32Array.from({ length: 64 }, (_, i) => i);
  paintBox(image, { left: 2, top: 2, right: 4, bottom: 3 }, { colour: 0, reveal });
  assert.deepEqual([...image.pixels.subarray(17, 21)], [RED, 18, 19, RED]);
});

test("polygons fill the pixels whose centres they hold", () => {
  const image = blank(6, 4);
  const changed = paintPolygon(image, [1, 1, 5, 1, 5, 3, 1, 3], { colour: RED });
  assert.deepEqual(show(image), ["......", ".####.", ".####.", "......"]);
  assert.deepEqual(changed, { left: 1, top: 1, right: 5, bottom: 3 });
  const bow = blank(8, 8);
  paintPolygon(bow, [0, 0, 8, 8, 8, 0, 0, 8], { colour: RED });
  assert.equal(bow.pixels[4 * 8 + 0], RED);
  assert.equal(bow.pixels[0 * 8 + 4], WHITE);
  assert.equal(paintPolygon(blank(4, 4), [-9, -9, -5, -9, -5, -5], { colour: RED }), null);
});

test("filling stops at other colours and does not leak through corners", () => {
  const image = blank(5, 5);
  for (const i of [2, 7, 11, 10]) image.pixels[i] = BLACK;
  const changed = flood(image, 0, 0, RED);
  assert.deepEqual(show(image), ["###..", "###..", "##...", ".....", "....."]);
  assert.deepEqual(changed, { left: 0, top: 0, right: 2, bottom: 2 });
  assert.equal(flood(image, 0, 0, RED), null);
  assert.equal(flood(image, -1, 0, RED), null);
});

test("filling reaches every pixel of a maze, as a slow fill does", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const image = blank(40, 30);
  for (let i = 1; i < 1200; i++) if (random() < 0.38) image.pixels[i] = BLACK;
  const slow = image.pixels.slice();
  const todo = [0];
  while (todo.length) {
    const i = todo.pop();
    if (slow[i] !== WHITE) continue;
    slow[i] = RED;
    if (i % 40) todo.push(i - 1);
    if (i % 40 < 39) todo.push(i + 1);
    if (i >= 40) todo.push(i - 40);
    if (i < 1160) todo.push(i + 40);
  }
  flood(image, 0, 0, RED);
  assert.deepEqual(image.pixels, slow);
});
