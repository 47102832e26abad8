// Run the network by onnxruntime-web: on a graphics card by WebGPU if there is one, else by
// WebAssembly, on several threads if the host's headers allow it.

import { download } from "./download.js";
import { keepMask, noiseKey } from "../pixels/noise.js";

/**
 * @typedef {import("./download.js").LargeFile} LargeFile
 * @typedef {import("../pixels/noise.js").Layer & {input: string, divisor: number}} NoiseInput
 * @typedef {{data: Float32Array, channels: number, height: number, width: number}} Tensor  (C, H, W)
 * @typedef {{channels: number, height: number, width: number, step: number, values: number[]}} Check
 * @typedef {LargeFile & {noise: NoiseInput[], check: Check}} Network
 * @typedef {{module: string, binary: LargeFile}} Backend  a part of onnxruntime-web
 * @typedef {(progress: {loaded: number, total: number}) => void} OnProgress  in bytes
 *
 * @typedef {object} Engine
 * @property {string} backend  "webgpu" or "wasm"
 * @property {(source: Tensor, key: number|null) => Promise<Float32Array>} run
 *   returns the output (C, H, W) of a source; `key` is that of its noise, null for no dropout
 */

const CLOSE = 2 / 127.5; // two of 255 levels, in [-1, 1]

/**
 * Load runtime and network, ready to run. Without `graphics` only by WebAssembly.
 * @param {Network} network  @param {string} base
 * @param {{onProgress?: OnProgress, graphics?: boolean}} [options]
 * @returns {Promise<Engine>}
 */
export async function openEngine(network, base, { onProgress = () => {}, graphics = true } = {}) {
  const runtime = await (await fetch(new URL("runtime.json", base))).json();
  const start = (/** @type {string} */ backend) => open(backend, runtime[backend], network, base, onProgress);
  if (graphics && (await hasGraphicsCard())) {
    try {
      const engine = await start("webgpu");
      if (await isRight(engine, network)) return engine;
      console.warn("WebGPU gives wrong pictures here; using WebAssembly.");
    } catch (error) {
      console.warn("WebGPU fails here; using WebAssembly.", error);
    }
  }
  return start("wasm");
}

/**
 * @param {string} backend  @param {Backend} files  @param {Network} network  @param {string} base
 * @param {OnProgress} onProgress
 * @returns {Promise<Engine>}
 */
async function open(backend, { module, binary }, network, base, onProgress) {
  const total = binary.bytes + network.bytes;
  const [bytes, graph] = [
    await download(binary, base, (loaded) => onProgress({ loaded, total })),
    await download(network, base, (loaded) => onProgress({ loaded: binary.bytes + loaded, total })),
  ];
  const ort = await import(new URL(module, base).href);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = bytes;
  const session = await ort.InferenceSession.create(new Uint8Array(graph), {
    executionProviders: [backend],
    graphOptimizationLevel: "all", // weights of fewer bits become float32 here, once
  });
  return { backend, run: (source, key) => run(ort, session, network.noise, source, key) };
}

/**
 * @param {any} ort  the module of onnxruntime-web  @param {any} session  @param {NoiseInput[]} noise
 * @param {Tensor} source  @param {number|null} key
 */
async function run(ort, session, noise, { data, channels, height, width }, key) {
  /** @type {Record<string, any>} */
  const feeds = { source: new ort.Tensor("float32", data, [1, channels, height, width]) };
  for (const layer of noise) {
    const [rows, columns] = [height / layer.divisor, width / layer.divisor];
    const factors =
      key === null
        ? new Float32Array(layer.channels * rows * columns).fill(1)
        : keepMask(key, layer, rows, columns);
    feeds[layer.input] = new ort.Tensor("float32", factors, [1, layer.channels, rows, columns]);
  }
  return (await session.run(feeds)).target.data;
}

async function hasGraphicsCard() {
  const { gpu } = /** @type {any} */ (navigator);
  const adapter = await gpu?.requestAdapter().catch(() => null);
  // A graphics card emulated on the processor is slower than WebAssembly.
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/**
 * Return whether the engine computes the values that the export recorded: some drivers are wrong.
 * @param {Engine} engine  @param {Network} network
 */
async function isRight(engine, { check: { channels, height, width, step, values } }) {
  const key = noiseKey(0, 0);
  const noise = keepMask(key, { layer: 0, channels, drop: 0.5 }, height, width);
  const data = noise.map((value) => value - 1); // of -1 and 1
  const output = await engine.run({ data, channels, height, width }, key);
  return values.every((value, i) => Math.abs(output[i * step] - value) < CLOSE);
}
