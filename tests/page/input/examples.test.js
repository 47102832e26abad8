import assert from "node:assert/strict";
import { test } from "node:test";
import { createBag } from "../../../src/pix2pix/page/static/input/examples.js";

test("examples come in random order, none twice before all were seen", () => {
  const bag = createBag();
  const names = ["a", "b", "c", "d"];
  assert.equal(bag.first("m", names), "a");
  const seen = [0, 1, 2].map(() => bag.next("m", names));
  assert.deepEqual([...seen].sort(), ["b", "c", "d"]);
  const round = [0, 1, 2, 3].map(() => bag.next("m", names));
  assert.notEqual(round[0], seen[2]);
  assert.deepEqual([...round].sort(), names);
  assert.equal(bag.next("other", ["x"]), "x");
  assert.equal(bag.next("other", ["x"]), "x");
});
