import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../vectors.js";

const { joinLab, lightness } = await load("pixels/lab.js");

test("greys keep their level on the way there and back", () => {
  const levels = Float32Array.from({ length: 256 }, (_, level) => level);
  const none = new Float32Array(256);
  for (const plane of joinLab(lightness([levels]), none, none)) {
    plane.forEach((value, level) => assert.ok(Math.abs(value - level) < 0.01));
  }
});

test("black, white and red have the lightness of CIE", () => {
  const [light] = [lightness([Float32Array.of(0, 255, 255), Float32Array.of(0, 255, 0), Float32Array.of(0, 255, 0)])];
  [0, 100, 53.24].forEach((expected, i) => assert.ok(Math.abs(light[i] - expected) < 0.01));
});

test("colours outside of the gamut are clipped", () => {
  const planes = joinLab(Float32Array.of(50), Float32Array.of(110), Float32Array.of(-110));
  planes.forEach(([value]) => assert.ok(value >= 0 && value <= 255.001));
});
