// The translator of an exported page: the network runs in a worker of the page.

/**
 * @typedef {import("./engine.js").Tell} Tell
 * @typedef {{resolve: (answer: any) => void, reject: (error: Error) => void, onProgress: Tell}} Call
 */

/**
 * As remote.js, of a card that has a `network`. `prepare` downloads runtime and network, which are
 * kept for the next visit.
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
      const call = calls.get(id);
      if (progress) return call?.onProgress(progress);
      calls.delete(id);
      if (error) call?.reject(failure(error));
      else call?.resolve(result);
    };
    // A module that cannot be loaded, by an old browser or without the network.
    worker.onerror = () => stop(failure("error_worker"));
  }

  /** @param {Error} reason */
  function stop(reason) {
    worker?.terminate();
    worker = ready = null;
    calls.forEach((call) => call.reject(reason));
    calls.clear();
  }

  /**
   * @param {string} name  @param {object} task
   * @param {{transfer?: Transferable[], onProgress?: Tell}} [options]
   * @returns {Promise<any>}
   */
  function ask(name, task, { transfer = [], onProgress = () => {} } = {}) {
    return new Promise((resolve, reject) => {
      calls.set(++count, { resolve, reject, onProgress });
      worker?.postMessage({ id: count, name, task }, transfer);
    });
  }

  /** @param {Tell} [onProgress] */
  async function prepare(onProgress) {
    if (closed) throw closed;
    if (ready) return ready;
    keepForOffline(base);
    start();
    ready = ask("prepare", { card, network: card.network, base }, { onProgress });
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
    const answer = ask("translate", { bitmap, seed, sample, mode }, { transfer: [bitmap] });
    // A worker without memory stays so: the next picture gets a new one.
    return answer.catch((error) => {
      stop(error);
      throw error;
    });
  }

  return {
    prepare,

    /** One picture is under way at a time; a call that is given up before its turn costs nothing. */
    async translate(canvas, request) {
      const turn = busy.then(() => translateNow(canvas, request));
      busy = turn.catch(() => {});
      return Promise.race([turn, givenUp(request.signal)]);
    },

    close() {
      closed = new DOMException("This model was put away.", "AbortError");
      stop(closed);
    },
  };
}

/** @param {AbortSignal} signal  @returns {Promise<never>} */
function givenUp(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/**
 * Only https and this machine may have a service worker; without one the page needs its host.
 * @param {string} base
 */
function keepForOffline(base) {
  const script = new URL("service-worker.js", base);
  navigator.serviceWorker?.register(script, { updateViaCache: "none" }).catch(() => {});
}

/** An error whose message and hint are keys of the words. @param {string} message */
function failure(message) {
  return Object.assign(new Error(message), { hint: message.replace("error", "hint") });
}
