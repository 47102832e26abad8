import assert from "node:assert/strict";
import { test } from "node:test";
import { isLight, nearestSwatch, snap, toGrey, toHex, toPixel } from "../../../src/pix2pix/page/static/paint/colours.js";

test("a colour is the bytes R, G, B, 255 in memory", () => {
  assert.deepEqual([...new Uint8Array(Uint32Array.of(toPixel("#0d3dfb")).buffer)], [13, 61, 251, 255]);
  for (const colour of ["#000000", "#ffffff", "#0d3dfb", "#80ff01"]) assert.equal(toHex(toPixel(colour)), colour);
});

test("snapping keeps exact colours and counts what is near none", () => {
  const palette = ["#000000", "#010101", "#ff0000"].map(toPixel);
  const { pixels, far } = snap(Uint32Array.from(["#010101", "#fa0302", "#00c000", "#000000"].map(toPixel)), palette);
  assert.deepEqual([...pixels].map(toHex), ["#010101", "#ff0000", "#010101", "#000000"]);
  assert.equal(far, 0.25);
});

test("grey by luma or by lightness", () => {
  const pixels = Uint32Array.from(["#ff0000", "#777777"].map(toPixel));
  assert.deepEqual([...toGrey(pixels, false)].map(toHex), ["#4c4c4c", "#777777"]);
  assert.deepEqual([...toGrey(pixels, true)].map(toHex), ["#7f7f7f", "#777777"]); // L of pure red is 53.2
});

test("the nearest swatch, and which text reads on a colour", () => {
  const palette = [{ name: "sky", colour: "#0000ff" }, { name: "door", colour: "#a50000" }];
  assert.equal(nearestSwatch("#ff0000", palette).name, "door");
  assert.deepEqual(["#ffffff", "#b8ff38", "#0006d9", "#000000"].map(isLight), [true, true, false, false]);
});
