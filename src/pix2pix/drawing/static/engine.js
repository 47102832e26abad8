// onnxruntime-web with a network in it: on the graphics card by WebGPU where there is one, else by
// WebAssembly, on several threads where the host's headers allow them.

import { download } from "./download.js";
import { keepMask, noiseKey } from "./noise.js";

const CLOSE = 2 / 127.5; // two of 255 levels, in [-1, 1]

/**
 * The network, ready to run: {backend, run(source, key)}. Loads runtime and network, of which
 * `onProgress` is told as {loaded, total} in bytes. Without `graphics`, by WebAssembly only.
 */
export async function openEngine(network, base, { onProgress = () => {}, graphics = true } = {}) {
  const runtime = await (await fetch(new URL("runtime.json", base))).json();
  const start = (backend) => open(backend, runtime[backend], network, base, onProgress);
  if (graphics && (await hasGraphicsCard())) {
    try {
      const engine = await start("webgpu");
      if (await isRight(engine, network)) return engine;
      console.warn("WebGPU gives wrong pictures here; WebAssembly takes its place.");
    } catch (error) {
      console.warn("WebGPU fails here; WebAssembly takes its place.", error);
    }
  }
  return start("wasm");
}

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

/** The network's output, float32 (C, H, W), for what toTensor gave. Without a key, no dropout. */
async function run(ort, session, noise, { data, channels, height, width }, key) {
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
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  // A graphics card that is imitated by the processor is slower than WebAssembly.
  return Boolean(adapter) && !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter);
}

/** Whether the engine computes what the export noted: drivers have been known to be wrong. */
async function isRight(engine, { check: { channels, height, width, step, values } }) {
  const key = noiseKey(0, 0);
  const noise = keepMask(key, { layer: 0, channels, drop: 0.5 }, height, width);
  const data = noise.map((value) => value - 1); // of -1 and 1
  const output = await engine.run({ data, channels, height, width }, key);
  return values.every((value, i) => Math.abs(output[i * step] - value) < CLOSE);
}
