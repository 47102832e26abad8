// Cache the page for visits without a network. The files of one export are cached together, under its
// digest; online the host's files come first, so that a new export is seen at once. Large files (network
// and runtime) are downloaded and cached by model/download.js.

// Written by `pix2pix export --web`: the digest of all files, the page's files, the large ones.
const EXPORT = { digest: "", files: [], large: [] };

const SLOW_MS = 4000; // after this the cached copy is used
const scope = new URL(self.registration.scope);
const prefix = `pix2pix ${scope.pathname} `;
const [pageCache, largeCache] = [prefix + EXPORT.digest, prefix + "large"];
const known = new Set(EXPORT.files.map((file) => new URL(file, scope).href));

self.addEventListener("install", (event) => {
  event.waitUntil(keepPage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(deleteOld().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const address = event.request.url.replace(/[?#].*/, "").replace(/\/index\.html$/, "/");
  if (event.request.method === "GET" && known.has(address)) {
    event.respondWith(answer(event.request, address));
  }
});

async function keepPage() {
  const cache = await caches.open(pageCache);
  await cache.addAll([...known].map((address) => new Request(address, { cache: "no-cache" })));
}

async function deleteOld() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== pageCache);
  await Promise.all(old.filter((name) => name !== largeCache).map((name) => caches.delete(name)));
  const large = await caches.open(largeCache);
  const current = new Set(EXPORT.large.map((file) => new URL(file, scope).href));
  const unused = (await large.keys()).filter((request) => !current.has(request.url));
  await Promise.all(unused.map((request) => large.delete(request)));
}

async function answer(request, address) {
  const kept = await (await caches.open(pageCache)).match(address);
  if (!kept) return fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, SLOW_MS, kept));
  const fresh = fetch(request, { cache: "no-cache" })
    .then((response) => (response.status < 500 ? response : kept))
    .catch(() => kept);
  return Promise.race([fresh, late]);
}
