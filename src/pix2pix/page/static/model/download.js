// Large files come in parts: none is too large for a host, each is checked and kept by itself, so
// that a download that broke off goes on where it was and the next visit needs no network.

/**
 * @typedef {{file: string, bytes: number, sha256: string}} Part  a file relative to the page
 * @typedef {{parts: Part[], bytes: number, gzip: boolean}} LargeFile
 * @typedef {(loaded: number) => void} Tell
 */

const TRIES = 3;
const WAIT_MS = 1000;

/**
 * The cache of a folder's large files; service-worker.js forgets what a newer export has not.
 * @param {string} base
 */
export function cacheName(base) {
  return `pix2pix ${new URL(".", base).pathname} large`;
}

/**
 * The bytes of a file. `onProgress` gets how many are loaded so far; raises an Error whose message
 * is a key of the words.
 * @param {LargeFile} file  @param {string} base  @param {Tell} onProgress
 * @returns {Promise<ArrayBuffer>}
 */
export async function download(file, base, onProgress = () => {}) {
  const cache = await openCache(base);
  const whole = new Uint8Array(file.bytes);
  let done = 0;
  for (const part of file.parts) {
    const place = whole.subarray(done, done + part.bytes);
    await loadPart(part, place, base, cache, (loaded) => onProgress(done + loaded));
    done += part.bytes;
    onProgress(done);
  }
  if (!file.gzip) return whole.buffer;
  // Hosts compress what they know by its ending, and these they do not know.
  const packed = /** @type {ReadableStream} */ (new Response(whole).body);
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * @param {Part} part  @param {Uint8Array<ArrayBuffer>} place  where its bytes belong
 * @param {string} base  @param {Cache|undefined} cache  @param {Tell} onProgress
 */
async function loadPart(part, place, base, cache, onProgress) {
  const address = new URL(part.file, base).href;
  const kept = await cache?.match(address).then((found) => found?.arrayBuffer());
  // What is kept was checked when it came; a browser short of space may have cut it.
  if (kept?.byteLength === part.bytes) return place.set(new Uint8Array(kept));
  await fetchChecked(address, part, place, onProgress);
  // A full disk or a private window keeps nothing: the page works without.
  await cache?.put(address, new Response(place)).catch(() => {});
}

/**
 * @param {string} address  @param {Part} part  @param {Uint8Array<ArrayBuffer>} place
 * @param {Tell} onProgress
 */
async function fetchChecked(address, part, place, onProgress) {
  for (let tried = 1; ; tried++) {
    try {
      await fetchOnce(address, place, onProgress);
      return await check(place, part);
    } catch (error) {
      if (tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tried));
    }
  }
}

/** @param {string} address  @param {Uint8Array} place  @param {Tell} onProgress */
async function fetchOnce(address, place, onProgress) {
  let loaded = 0;
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status}`);
    const body = /** @type {ReadableStream<Uint8Array>} */ (response.body);
    for (const reader = body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      place.set(value, loaded); // more than the part has is an error too
      onProgress((loaded += value.length));
    }
  } catch (cause) {
    throw new Error("error_download", { cause });
  }
  if (loaded < place.length) throw new Error("error_download");
}

/**
 * Pages that are neither https nor of this machine have no crypto: there the length must do.
 * @param {Uint8Array<ArrayBuffer>} bytes  @param {Part} part
 */
async function check(bytes, { sha256 }) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error("error_damaged");
}

/** @param {string} base */
async function openCache(base) {
  return globalThis.caches?.open(cacheName(base)).catch(() => undefined);
}
