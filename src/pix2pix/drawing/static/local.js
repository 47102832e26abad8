// The translator of an exported page: the network runs in a worker of the page.

/**
 * As remote.js, of a card that has a `network`. `prepare` downloads runtime and network, which are
 * kept for the next visit.
 */
export function createTranslator(card) {
  const base = document.baseURI;
  const calls = new Map(); // number of the call -> what waits for its answer
  let [worker, ready, busy, count, closed] = [null, null, Promise.resolve(), 0, null];

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

  function stop(reason) {
    worker?.terminate();
    [worker, ready] = [null, null];
    calls.forEach((call) => call.reject(reason));
    calls.clear();
  }

  function ask(name, task, { transfer = [], onProgress = () => {} } = {}) {
    return new Promise((resolve, reject) => {
      calls.set(++count, { resolve, reject, onProgress });
      worker.postMessage({ id: count, name, task }, transfer);
    });
  }

  async function prepare(onProgress) {
    if (closed) throw closed;
    if (ready) return ready;
    keepForOffline(base);
    start();
    ready = ask("prepare", { card, base }, { onProgress });
    return ready.catch((error) => {
      stop(error);
      throw error;
    });
  }

  async function translateNow(canvas, { seed = 0, sample = 0, mode = card.mode, signal }) {
    await prepare();
    signal?.throwIfAborted();
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

function givenUp(signal) {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** Only https and this machine may have a service worker; without one the page needs its host. */
function keepForOffline(base) {
  const script = new URL("service-worker.js", base);
  navigator.serviceWorker?.register(script, { updateViaCache: "none" }).catch(() => {});
}

/** An error whose message and hint are keys of the words. */
function failure(message) {
  return Object.assign(new Error(message), { hint: message.replace("error", "hint") });
}
