// The worker of local.js: pixels in, pixels out, so that the page's own thread is free to draw.

import { openEngine } from "./engine.js";
import { noiseKey } from "./noise.js";
import { toPixels, toTensor } from "./pixels.js";

const board = new OffscreenCanvas(1, 1);
let [card, base, engine] = [null, "", null];

const tasks = {
  async prepare(task, tell) {
    [card, base] = [task.card, task.base];
    engine = await openEngine(card.network, base, { onProgress: tell });
    return {};
  },

  async translate({ bitmap, seed, sample, mode }) {
    const { width, height } = bitmap;
    const source = toTensor(pixelsOf(bitmap), width, height, card);
    const key = mode === "paper" ? noiseKey(seed, sample) : null;
    const started = performance.now();
    const output = await run(source, key);
    const milliseconds = performance.now() - started;
    const shown = new ImageData(toPixels(output, width, height, source, card), width, height);
    return { bitmap: await createImageBitmap(shown), milliseconds, backend: engine.backend };
  },
};

async function run(source, key) {
  try {
    return await engine.run(source, key);
  } catch (error) {
    if (engine.backend !== "webgpu") throw error;
    // A graphics card may be lost at any time: by another program, or when the machine sleeps.
    engine = await openEngine(card.network, base, { graphics: false });
    return engine.run(source, key);
  }
}

function pixelsOf(bitmap) {
  [board.width, board.height] = [bitmap.width, bitmap.height];
  const context = board.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, board.width, board.height).data;
}

self.onmessage = async ({ data: { id, name, task } }) => {
  try {
    const result = await tasks[name](task, (progress) => self.postMessage({ id, progress }));
    self.postMessage({ id, result }, result.bitmap ? [result.bitmap] : []);
  } catch (error) {
    console.error(error);
    const told = error.message.startsWith("error_") ? error.message : "error_network";
    self.postMessage({ id, error: told });
  }
};
