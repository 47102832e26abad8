import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { beforeEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { load } from "../vectors.js";

const { cacheName, download } = await load("model/download.js");

const BASE = "https://host.example/drawings/index.html?a#b";
const text = "a network that is long enough to be cut in three";
let [served, requests, kept] = [{}, [], new Map()];

/** A host that has `served`, a cache that keeps, and no time lost between two tries. */
beforeEach(() => {
  [served, requests, kept] = [{}, [], new Map()];
  globalThis.fetch = async (address) => {
    requests.push(address);
    if (!(address in served)) throw new TypeError("no network");
    return new Response(served[address].shift?.() ?? served[address]);
  };
  globalThis.caches = {
    open: async () => ({
      match: async (address) => kept.get(address)?.clone(),
      put: async (address, response) => void kept.set(address, response),
    }),
  };
  globalThis.setTimeout = (call) => queueMicrotask(call);
});

function offer(data, gzip = false) {
  const bytes = gzip ? gzipSync(data) : Buffer.from(data);
  const parts = [0, 1, 2].map((n) => {
    const part = bytes.subarray((n * bytes.length) / 3, ((n + 1) * bytes.length) / 3);
    const file = `networks/${n}.bin`;
    served[new URL(file, BASE).href] = part;
    return { file, bytes: part.length, sha256: createHash("sha256").update(part).digest("hex") };
  });
  return { parts, bytes: bytes.length, gzip };
}

const read = async (file, progress) => Buffer.from(await download(file, BASE, progress)).toString();

test("parts come together, and progress ends with all bytes", async () => {
  const file = offer(text);
  const progress = [];
  assert.equal(await read(file, (loaded) => progress.push(loaded)), text);
  assert.equal(progress.at(-1), file.bytes);
  assert.deepEqual(progress, progress.toSorted((a, b) => a - b));
});

test("what was packed is unpacked", async () => {
  assert.equal(await read(offer(text, true)), text);
});

test("the next visit requests nothing", async () => {
  const file = offer(text);
  await read(file);
  requests = [];
  assert.equal(await read(file), text);
  assert.deepEqual(requests, []);
});

test("a download that broke off goes on at the part where it was", async () => {
  const file = offer(text);
  const last = new URL(file.parts[2].file, BASE).href;
  const part = served[last];
  delete served[last];
  await assert.rejects(read(file), { message: "error_download" });
  requests = [];
  served[last] = part;
  assert.equal(await read(file), text);
  assert.deepEqual(requests, [last]);
});

test("a damaged part is fetched again, and refused if it stays so", async () => {
  const file = offer(text);
  const first = new URL(file.parts[0].file, BASE).href;
  const damaged = Buffer.from(served[first]).fill(1);
  served[first] = [damaged, served[first]];
  assert.equal(await read(file), text);
  kept.clear();
  served[first] = damaged;
  await assert.rejects(read(file), { message: "error_damaged" });
  assert.equal(kept.has(first), false);
});

test("a part truncated by the host or by the browser is downloaded again or refused", async () => {
  const file = offer(text);
  const first = new URL(file.parts[0].file, BASE).href;
  kept.set(first, new Response("cut"));
  assert.equal(await read(file), text);
  kept.clear();
  served[first] = served[first].subarray(1);
  await assert.rejects(read(file), { message: "error_download" });
});

test("a browser that keeps nothing works too", async () => {
  globalThis.caches = { open: () => Promise.reject(new Error("private window")) };
  assert.equal(await read(offer(text)), text);
  delete globalThis.caches;
  assert.equal(await read(offer(text)), text);
});

test("two exports on one host keep their files apart", () => {
  assert.equal(cacheName(BASE), "pix2pix /drawings/ large");
});
