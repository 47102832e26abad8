/** Work on photographs of full size, in a web worker for each task: its memory goes with it. */

import { aborted } from "../model/waits.js";

/**
 * Run a task of photo-worker.js; throws an Error whose message is a key of the words.
 * @param {"whole"|"edges"} name
 * @param {object} task
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function runPhotoTask(name, task, signal) {
  const worker = new Worker(new URL("./photo-worker.js", import.meta.url), { type: "module" });
  const answer = new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { result, error } }) => (error ? reject(new Error(error)) : resolve(result));
    worker.onerror = () => reject(new Error("error_photograph"));
    worker.postMessage({ name, task });
  });
  try {
    return await (signal ? Promise.race([answer, aborted(signal)]) : answer);
  } finally {
    worker.terminate();
  }
}
