// The web worker of local.js: pixels in, pixels out, so that the page's main thread is free to draw.

import { openEngine } from "./engine.js";
import { noiseKey } from "../pixels/noise.js";
import { toPixels, toTensor } from "../pixels/tensors.js";

/** @typedef {import("../types.js").Card} Card */

const canvas = new OffscreenCanvas(1, 1);
/** @type {{card: Card, network: import("./engine.js").Network, base: string}} */
let model;
/** @type {import("./engine.js").Engine} */
let engine;

/** @type {Record<string, (task: any, onProgress: import("./engine.js").OnProgress) => Promise<any>>} */
const tasks = {
  async prepare(task, onProgress) {
    model = task;
    engine = await openEngine(model.network, model.base, { onProgress });
    return {};
  },

  async translate({ bitmap, seed, sample, mode }) {
    const { width, height } = bitmap;
    const source = toTensor(pixelsOf(bitmap), width, height, model.card);
    const key = mode === "paper" ? noiseKey(seed, sample) : null;
    const started = performance.now();
    const output = await run(source, key);
    const milliseconds = performance.now() - started;
    const pixels = toPixels(output, width, height, source, model.card);
    const shown = new ImageData(pixels, width, height);
    return { bitmap: await createImageBitmap(shown), milliseconds, backend: engine.backend };
  },
};

/** @param {import("./engine.js").Tensor} source  @param {number|null} key */
async function run(source, key) {
  try {
    return await engine.run(source, key);
  } catch (error) {
    if (engine.backend !== "webgpu") throw error;
    // A graphics card can be lost at any time: to another program, or when the machine sleeps.
    engine = await openEngine(model.network, model.base, { graphics: false });
    return engine.run(source, key);
  }
}

/** @param {ImageBitmap} bitmap */
function pixelsOf(bitmap) {
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const options = { willReadFrequently: true };
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d", options));
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, canvas.width, canvas.height).data;
}

self.onmessage = async ({ data: { id, name, task } }) => {
  try {
    const result = await tasks[name](task, (progress) => self.postMessage({ id, progress }));
    const transfer = result.bitmap ? [result.bitmap] : [];
    self.postMessage({ id, result }, { transfer });
  } catch (error) {
    console.error(error);
    const { message } = /** @type {Error} */ (error);
    self.postMessage({ id, error: message.startsWith("error_") ? message : "error_network" });
  }
};
