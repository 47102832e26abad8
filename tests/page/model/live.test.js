import assert from "node:assert/strict";
import { test } from "node:test";
import { createLive } from "../../../src/pix2pix/page/static/model/live.js";

/** A translator whose requests end when the test says so. */
function slow(more = {}) {
  const requests = [];
  const busy = [];
  let underWay = 0;
  const job = (kind) => (signal) =>
    new Promise((resolve, reject) => {
      assert.equal(++underWay, 1, "one request at a time");
      const end = (settle) => (value) => (underWay--, settle(value));
      const request = { kind, signal, done: end(resolve), fail: end(reject) };
      signal.addEventListener("abort", () => request.fail(signal.reason), { once: true });
      requests.push(request);
    });
  const live = createLive({ run: job("run"), onBusy: (b) => busy.push(b), ...(more.rests ? { whenIdle: job("rest") } : {}), ...more });
  return { live, requests, busy };
}
const soon = () => new Promise((resolve) => setTimeout(resolve));

test("of many changes during a request, one more request is made", async () => {
  const { live, requests, busy } = slow();
  for (let i = 0; i < 5; i++) live.request();
  assert.equal(requests.length, 1);
  assert.equal(requests[0].signal.aborted, false);
  requests[0].done();
  await soon();
  assert.equal(requests.length, 2);
  requests[1].done();
  await soon();
  assert.equal(requests.length, 2);
  assert.deepEqual([busy[0], busy.at(-1)], [true, false]);
  live.request();
  assert.equal(requests.length, 3);
});

test("a request afresh ends the one under way", async () => {
  const { live, requests } = slow();
  live.request();
  live.request({ afresh: true });
  assert.equal(requests[0].signal.aborted, true);
  await soon();
  assert.equal(requests.length, 2);
  assert.equal(requests[1].signal.aborted, false);
});

test("errors are reported, and only those with a time are tried again", async () => {
  const errors = [];
  const waits = [];
  const { live, requests } = slow({ onError: (error) => errors.push(error.message), wait: async (seconds) => void waits.push(seconds) });
  live.request();
  requests[0].fail(Object.assign(new Error("busy"), { retryAfter: 3 }));
  await soon();
  assert.equal(requests.length, 2);
  requests[1].fail(new Error("broken"));
  await soon();
  assert.equal(requests.length, 2);
  assert.deepEqual([errors, waits], [["busy", "broken"], [3]]);
});

test("idle work waits for the drawing and gives way to it", async () => {
  const { live, requests } = slow({ rests: true });
  live.request();
  requests[0].done();
  await soon();
  assert.equal(requests[1].kind, "rest");
  live.request();
  assert.equal(requests[1].signal.aborted, true);
  await soon();
  assert.equal(requests[2].kind, "run");
  requests[2].done();
  await soon();
  requests[3].done();
  await soon();
  live.refresh();
  assert.deepEqual(requests.slice(3).map(({ kind }) => kind), ["rest", "rest"]);
});

test("stopping forgets all, also what waits for a second try", async () => {
  let goOn;
  const { live, requests } = slow({ wait: () => new Promise((resolve) => (goOn = resolve)) });
  live.request();
  requests[0].fail(Object.assign(new Error("busy"), { retryAfter: 3 }));
  await soon();
  live.stop();
  goOn();
  await soon();
  assert.equal(requests.length, 1);
});

test("a job that does not notice its abort delays no other", async () => {
  const signals = [];
  const live = createLive({ run: (signal) => (signals.push(signal), new Promise(() => {})) });
  live.request();
  live.stop();
  live.request();
  await soon();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, false]);
});

test("a pause ends by a stop or by a request afresh", async () => {
  const { live, requests } = slow({ wait: () => new Promise(() => {}) });
  const fail = async () => (requests.at(-1).fail(Object.assign(new Error("busy"), { retryAfter: 3 })), await soon());
  live.request();
  await fail();
  live.request();
  await soon();
  assert.equal(requests.length, 1);
  live.request({ afresh: true });
  await soon();
  assert.equal(requests.length, 2);
  await fail();
  live.stop();
  await soon();
  assert.equal(requests.length, 2);
  live.request();
  assert.equal(requests.length, 3);
});
