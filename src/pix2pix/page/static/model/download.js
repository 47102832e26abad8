// Download large files in parts: no part is too large for a host, and each is checked and cached by
// itself, so that an interrupted download resumes and the next visit needs no network.

import { sleep } from "./waits.js";

/**
 * @typedef {{file: string, bytes: number, sha256: string}} Part  a file relative to the page
 * @typedef {{parts: Part[], bytes: number, gzip: boolean}} LargeFile
 * @typedef {(loaded: number) => void} OnLoaded  bytes so far
 */

const TRIES = 3;
const WAIT_MS = 1000;

/**
 * Return the name of the cache of a folder's large files; service-worker.js deletes from it what a
 * newer export does not have.
 * @param {string} base
 */
export function cacheName(base) {
  return `pix2pix ${new URL(".", base).pathname} large`;
}

/**
 * Return the bytes of a file. `onProgress` gets how many are loaded so far; throws an Error whose
 * message is a key of the words.
 * @param {LargeFile} file  @param {string} base  @param {OnLoaded} onProgress
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
  // Hosts compress only file types that they know, and not these.
  const packed = /** @type {ReadableStream} */ (new Response(whole).body);
  return new Response(packed.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/**
 * @param {Part} part  @param {Uint8Array<ArrayBuffer>} place  gets its bytes
 * @param {string} base  @param {Cache|undefined} cache  @param {OnLoaded} onProgress
 */
async function loadPart(part, place, base, cache, onProgress) {
  const address = new URL(part.file, base).href;
  const kept = await cache?.match(address).then((response) => response?.arrayBuffer());
  // Cached parts were checked on arrival; a browser short of space may have truncated them.
  if (kept?.byteLength === part.bytes) return place.set(new Uint8Array(kept));
  await fetchChecked(address, part, place, onProgress);
  // A full disk or a private window caches nothing: the page works without.
  await cache?.put(address, new Response(place)).catch(() => {});
}

/**
 * @param {string} address  @param {Part} part  @param {Uint8Array<ArrayBuffer>} place
 * @param {OnLoaded} onProgress
 */
async function fetchChecked(address, part, place, onProgress) {
  for (let tried = 1; ; tried++) {
    try {
      await fetchOnce(address, place, onProgress);
      return await check(place, part);
    } catch (error) {
      if (tried === TRIES) throw error;
      await sleep(WAIT_MS * tried);
    }
  }
}

/** @param {string} address  @param {Uint8Array} place  @param {OnLoaded} onProgress */
async function fetchOnce(address, place, onProgress) {
  let loaded = 0;
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status}`);
    const body = /** @type {ReadableStream<Uint8Array>} */ (response.body);
    for (const reader = body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      place.set(value, loaded); // throws if there are more bytes than the part has
      onProgress((loaded += value.length));
    }
  } catch (cause) {
    throw new Error("error_download", { cause });
  }
  if (loaded < place.length) throw new Error("error_download");
}

/**
 * Compare the digest. Only pages on https or on this machine have crypto: elsewhere the length must do.
 * @param {Uint8Array<ArrayBuffer>} bytes  @param {Part} part
 */
async function check(bytes, { sha256 }) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new Error("error_damaged");
}

/** @param {string} base */
async function openCache(base) {
  return globalThis.caches?.open(cacheName(base)).catch(() => undefined);
}
