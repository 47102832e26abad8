// The translator of an exported page: the network runs in a web worker.

import { failure } from "./errors.js";
import { aborted } from "./waits.js";

/**
 * @typedef {import("./engine.js").OnProgress} OnProgress
 * @typedef {{resolve: (answer: any) => void, reject: (error: Error) => void, onProgress: OnProgress}} Call
 */

/**
 * Create a translator for a card with a `network`. `prepare` downloads runtime and network, which are
 * cached for the next visit.
 * @param {import("../types.js").Card} card
 * @returns {import("../types.js").Translator}
 */
export function createTranslator(card) {
  const base = document.baseURI;
  /** @type {Map<number, Call>} */
  const calls = new Map(); // by their numbers
  /** @type {Worker|null} */
  let worker = null;
  /** @type {Promise<any>|null} */
  let ready = null;
  /** @type {Error|null} */
  let closed = null;
  /** @type {Promise<any>} */
  let busy = Promise.resolve();
  let count = 0;

  function start() {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data: { id, progress, result, error } }) => {
      const waiting = calls.get(id);
      if (progress) return waiting?.onProgress(progress);
      calls.delete(id);
      if (error) waiting?.reject(failure(error));
      else waiting?.resolve(result);
    };
    // Old browsers, or no network: the module cannot be loaded.
    worker.onerror = () => stop(failure("error_worker"));
  }

  /** @param {Error} reason */
  function stop(reason) {
    worker?.terminate();
    worker = ready = null;
    calls.forEach(({ reject }) => reject(reason));
    calls.clear();
  }

  /**
   * @param {string} name  @param {object} task
   * @param {{transfer?: Transferable[], onProgress?: OnProgress}} [options]
   * @returns {Promise<any>}
   */
  function call(name, task, { transfer = [], onProgress = () => {} } = {}) {
    return new Promise((resolve, reject) => {
      calls.set(++count, { resolve, reject, onProgress });
      worker?.postMessage({ id: count, name, task }, transfer);
    });
  }

  /** @param {OnProgress} [onProgress] */
  async function prepare(onProgress) {
    if (closed) throw closed;
    if (ready) return ready;
    keepForOffline(base);
    start();
    ready = call("prepare", { card, network: card.network, base }, { onProgress });
    return ready.catch((error) => {
      stop(error);
      throw error;
    });
  }

  /** @param {HTMLCanvasElement|OffscreenCanvas} canvas  @param {import("../types.js").Request} request */
  async function translateNow(canvas, { seed, sample, mode, signal }) {
    await prepare();
    signal.throwIfAborted();
    const bitmap = await createImageBitmap(canvas);
    const answer = call("translate", { bitmap, seed, sample, mode }, { transfer: [bitmap] });
    // A worker that ran out of memory never recovers: the next picture gets a new one.
    return answer.catch((error) => {
      stop(error);
      throw error;
    });
  }

  return {
    prepare,

    /** Translate one picture at a time; a call that is aborted before its turn costs nothing. */
    async translate(canvas, request) {
      const turn = busy.then(() => translateNow(canvas, request));
      busy = turn.catch(() => {});
      return Promise.race([turn, aborted(request.signal)]);
    },

    close() {
      closed = new DOMException("This model was closed.", "AbortError");
      stop(closed);
    },
  };
}

/**
 * Register the service worker, which browsers allow on https and on this machine only.
 * @param {string} base
 */
function keepForOffline(base) {
  const script = new URL("service-worker.js", base);
  navigator.serviceWorker?.register(script, { updateViaCache: "none" }).catch(() => {});
}
