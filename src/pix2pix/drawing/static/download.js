// Large files come in parts: none is too large for a host, each is checked and kept by itself, so
// that a download that broke off goes on where it was and the next visit needs no network.

const TRIES = 3;
const WAIT_MS = 1000;

/** The cache of a folder's large files; service-worker.js forgets what a newer export has not. */
export function cacheName(base) {
  return `pix2pix ${new URL(".", base).pathname} large`;
}

/**
 * The bytes of a file {parts: [{file, bytes, sha256}], bytes, gzip}, as an ArrayBuffer.
 * `onProgress` gets the bytes loaded so far; raises an Error whose message is a key of the words.
 */
export async function download(file, base, onProgress = () => {}) {
  const cache = await openCache(base);
  const whole = [];
  let done = 0;
  for (const part of file.parts) {
    whole.push(await loadPart(part, base, cache, (loaded) => onProgress(done + loaded)));
    done += part.bytes;
    onProgress(done);
  }
  const blob = new Blob(whole);
  // Hosts compress what they know by its ending, and these they do not know.
  const stream = blob.stream();
  return new Response(file.gzip ? stream.pipeThrough(new DecompressionStream("gzip")) : stream)
    .arrayBuffer();
}

async function loadPart(part, base, cache, onProgress) {
  const address = new URL(part.file, base).href;
  const kept = await cache?.match(address).then((found) => found?.arrayBuffer());
  // What is kept was checked when it came; a browser short of space may have cut it.
  if (kept?.byteLength === part.bytes) return kept;
  const bytes = await fetchChecked(address, part, onProgress);
  // A full disk or a private window keeps nothing: the page works without.
  await cache?.put(address, new Response(bytes)).catch(() => {});
  return bytes;
}

async function fetchChecked(address, part, onProgress) {
  for (let tried = 1; ; tried++) {
    try {
      const bytes = await fetchOnce(address, part.bytes, onProgress);
      await check(bytes, part);
      return bytes;
    } catch (error) {
      if (tried === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * tried));
    }
  }
}

async function fetchOnce(address, length, onProgress) {
  const bytes = new Uint8Array(length);
  let loaded = 0;
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status}`);
    for (const reader = response.body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      bytes.set(value, loaded);
      onProgress((loaded += value.length));
    }
  } catch (cause) {
    throw new Error("error_download", { cause });
  }
  if (loaded < length) throw new Error("error_download");
  return bytes.buffer;
}

/** Pages that are neither https nor of this machine have no crypto: there the length must do. */
async function check(bytes, { sha256 }) {
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error("error_damaged");
}

async function openCache(base) {
  return globalThis.caches?.open(cacheName(base)).catch(() => undefined);
}
