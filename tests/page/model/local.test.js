import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { load } from "../vectors.js";

const card = { mode: "paper", network: {} };
const request = (sample, signal = new AbortController().signal) => ({ seed: 0, sample, mode: "paper", signal });
const soon = () => new Promise((resolve) => setImmediate(resolve));

/** Workers that answer when a test says so. */
let workers = [];
class FakeWorker {
  constructor() {
    workers.push(Object.assign(this, { messages: [], isAlive: true }));
  }
  postMessage(message) {
    this.messages.push(message);
    if (message.name === "prepare" && !FakeWorker.holds) this.answer({ result: {} });
  }
  answer(what) {
    const { id } = this.messages.at(-1);
    queueMicrotask(() => this.isAlive && this.onmessage({ data: { id, ...what } }));
  }
  terminate() {
    this.isAlive = false;
  }
  get translations() {
    return this.messages.filter(({ name }) => name === "translate").map(({ task }) => task.sample);
  }
}

globalThis.Worker = FakeWorker;
globalThis.document = { baseURI: "https://host.example/page/?a#b" };
globalThis.createImageBitmap = async () => ({});
const registered = [];
const serviceWorker = { register: async (script) => registered.push(script.href) };
Object.defineProperty(globalThis, "navigator", { value: { serviceWorker }, configurable: true });
const { createTranslator } = await load("model/local.js");

beforeEach(() => {
  [workers, FakeWorker.holds] = [[], false];
});

test("one picture is under way at a time, and each gets its answer", async () => {
  const translator = createTranslator(card);
  const answers = [1, 2].map((sample) => translator.translate({}, request(sample)));
  await soon();
  assert.deepEqual(workers[0].translations, [1]);
  workers[0].answer({ result: "first" });
  assert.equal(await answers[0], "first");
  await soon();
  assert.deepEqual(workers[0].translations, [1, 2]);
  workers[0].answer({ result: "second" });
  assert.equal(await answers[1], "second");
});

test("an aborted translation ends at once; one that never began costs nothing", async () => {
  const translator = createTranslator(card);
  const [first, second] = [new AbortController(), new AbortController()];
  const answers = [translator.translate({}, request(1, first.signal)), translator.translate({}, request(2, second.signal))];
  await soon();
  second.abort();
  first.abort();
  for (const answer of answers) await assert.rejects(answer, { name: "AbortError" });
  workers[0].answer({ result: "late" });
  const third = translator.translate({}, request(3));
  await soon();
  assert.deepEqual(workers[0].translations, [1, 3]);
  workers[0].answer({ result: "third" });
  assert.equal(await third, "third");
});

test("after a failure there is a new worker", async () => {
  const translator = createTranslator(card);
  const failing = translator.translate({}, request(1));
  await soon();
  workers[0].answer({ error: "error_network" });
  await assert.rejects(failing, { message: "error_network", hint: "hint_network" });
  const next = translator.translate({}, request(2));
  await soon();
  assert.deepEqual(workers.map(({ isAlive }) => isAlive), [false, true]);
  workers[1].answer({ result: "well" });
  assert.equal(await next, "well");
});

test("a worker that cannot start is reported in words, and tried again", async () => {
  FakeWorker.holds = true;
  const translator = createTranslator(card);
  const failing = translator.prepare();
  await soon();
  workers[0].onerror();
  await assert.rejects(failing, { message: "error_worker", hint: "hint_worker" });
  FakeWorker.holds = false;
  await translator.prepare();
  assert.equal(workers.length, 2);
});

test("progress is reported during preparation, which is done once for all callers", async () => {
  FakeWorker.holds = true;
  const translator = createTranslator(card);
  const reports = [];
  const both = [translator.prepare((progress) => reports.push(progress)), translator.prepare()];
  await soon();
  workers[0].answer({ progress: { loaded: 1, total: 2 } });
  workers[0].answer({ result: {} });
  await Promise.all(both);
  assert.deepEqual(reports, [{ loaded: 1, total: 2 }]);
  assert.equal(workers.length, 1);
  assert.deepEqual([...new Set(registered)], ["https://host.example/page/service-worker.js"]);
});

test("a closed translator answers no call and starts nothing", async () => {
  const translator = createTranslator(card);
  const answers = [1, 2].map((sample) => translator.translate({}, request(sample)));
  await soon();
  translator.close();
  for (const answer of answers) await assert.rejects(answer, { name: "AbortError" });
  assert.deepEqual(workers.map(({ isAlive }) => isAlive), [false]);
});
