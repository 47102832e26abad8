// Keeps the page for visits without a network. The files of one export are kept together, under its
// digest; online the host's own come first, so that nobody sees an old page after a new export.
// What is large (network and runtime) is fetched and kept by download.js.

// Written by `pix2pix export --web`: the digest of all files, the page's files, the large ones.
const EXPORT = { digest: "", files: [], large: [] };

const SLOW_MS = 4000; // a host that takes longer is as good as none, where a copy is kept
const scope = new URL(self.registration.scope);
const prefix = `pix2pix ${scope.pathname} `;
const [pageCache, largeCache] = [prefix + EXPORT.digest, prefix + "large"];
const known = new Set(EXPORT.files.map((file) => new URL(file, scope).href));

self.addEventListener("install", (event) => {
  event.waitUntil(keepPage().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOld().then(() => self.clients.claim()));
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

async function forgetOld() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(prefix) && name !== pageCache);
  await Promise.all(old.filter((name) => name !== largeCache).map((name) => caches.delete(name)));
  const large = await caches.open(largeCache);
  const wanted = new Set(EXPORT.large.map((file) => new URL(file, scope).href));
  const kept = (await large.keys()).filter((request) => !wanted.has(request.url));
  await Promise.all(kept.map((request) => large.delete(request)));
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
