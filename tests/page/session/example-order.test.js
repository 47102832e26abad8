import assert from "node:assert/strict";
import { test } from "node:test";
import { createExampleOrder } from "../../../src/pix2pix/page/static/session/example-order.js";

test("examples come in random order, none twice before all were shown", () => {
  const order = createExampleOrder();
  const names = ["a", "b", "c", "d"];
  assert.equal(order.first("m", names), "a");
  const seen = [0, 1, 2].map(() => order.next("m", names));
  assert.deepEqual([...seen].sort(), ["b", "c", "d"]);
  const round = [0, 1, 2, 3].map(() => order.next("m", names));
  assert.notEqual(round[0], seen[2]);
  assert.deepEqual([...round].sort(), names);
  assert.equal(order.next("other", ["x"]), "x");
  assert.equal(order.next("other", ["x"]), "x");
});
