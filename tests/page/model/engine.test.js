import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";
import { load } from "../vectors.js";

const { openEngine } = await load("model/engine.js");

const BASE = "https://host.example/";
const [channels, height, width] = [1, 2, 2];

/** A runtime whose networks answer `value` everywhere, or fail. */
const runtime = (value) =>
  `data:text/javascript,${encodeURIComponent(`
    export const env = { wasm: {} };
    export class Tensor { constructor(type, data, dims) { Object.assign(this, { data, dims }); } }
    export const InferenceSession = {
      create: async (graph, options) => {
        globalThis.opened.push(options.executionProviders[0]);
        if (${value} === "fails") throw new Error("no device");
        return { run: async (feeds) => {
          globalThis.fed = feeds;
          return { target: { data: new Float32Array(feeds.source.data.length).fill(${value}) } };
        } };
      },
    };
    // ${Math.random()}
  `)}`;

const file = (text) => {
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { parts: [{ file: text, bytes: text.length, sha256 }], bytes: text.length, gzip: false };
};
const noise = [{ input: "keep_0", layer: 0, channels: 3, divisor: 2, drop: 0.5 }];
const check = { channels, height, width, step: 2, values: [0.25, 0.25] };
const network = { ...file("network"), noise, check };

/** A host whose two backends compute these values, and a machine with this graphics card. */
function offer({ webgpu = 0.25, wasm = 0.25, adapter = {} } = {}) {
  const backends = {
    webgpu: { module: runtime(webgpu), binary: file("large") },
    wasm: { module: runtime(wasm), binary: file("plain") },
  };
  globalThis.fetch = async (address) => {
    const name = new URL(address).pathname.slice(1);
    return name === "runtime.json" ? Response.json(backends) : new Response(name);
  };
  const gpu = adapter && { requestAdapter: async () => adapter };
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}

beforeEach(() => {
  globalThis.opened = [];
  console.warn = () => {};
});

const open = (options) => openEngine(network, BASE, options);

test("a graphics card that computes the values of the export is used", async () => {
  offer();
  assert.equal((await open()).backend, "webgpu");
  assert.deepEqual(opened, ["webgpu"]);
});

test("a graphics card that computes other values is not used", async () => {
  offer({ webgpu: 0.5 });
  assert.equal((await open()).backend, "wasm");
});

test("NaN is another value", async () => {
  offer({ webgpu: NaN });
  assert.equal((await open()).backend, "wasm");
});

test("a graphics card that fails is not used", async () => {
  offer({ webgpu: '"fails"' });
  assert.equal((await open()).backend, "wasm");
  assert.deepEqual(opened, ["webgpu", "wasm"]);
});

for (const [what, adapter] of Object.entries({
  "no graphics card": null,
  "an emulated graphics card": { info: { isFallbackAdapter: true } },
  "a graphics card emulated in an older browser": { isFallbackAdapter: true },
})) {
  test(`${what} means WebAssembly at once`, async () => {
    offer({ adapter });
    assert.equal((await open()).backend, "wasm");
    assert.deepEqual(opened, ["wasm"]);
  });
}

test("a lost graphics card is not tried again", async () => {
  offer();
  assert.equal((await open({ graphics: false })).backend, "wasm");
});

test("progress counts runtime and network", async () => {
  offer({ adapter: null });
  const reports = [];
  await open({ onProgress: (progress) => reports.push(progress) });
  const total = "plain".length + "network".length;
  assert.deepEqual(reports.at(-1), { loaded: total, total });
  assert.ok(reports.every((progress) => progress.total === total));
});

test("without a key every feature is kept, with a key not all are", async () => {
  offer({ adapter: null });
  const engine = await open();
  const source = { data: new Float32Array(48), channels: 3, height: 4, width: 4 };
  await engine.run(source, null);
  assert.deepEqual(fed.source.dims, [1, 3, 4, 4]);
  assert.deepEqual(fed.keep_0.dims, [1, 3, 2, 2]);
  assert.deepEqual([...fed.keep_0.data], Array(12).fill(1));
  await engine.run(source, 7);
  assert.deepEqual([...new Set(fed.keep_0.data)].sort(), [0, 2]);
});
