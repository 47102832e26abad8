/**
 * The browser's storage: drawings and their pictures in IndexedDB, choices in localStorage. Without
 * storage (private windows), the page works and forgets.
 */

import { nameHere, readStored, writeStored } from "../model/storage.js";

const PLACE = nameHere();
const [DRAWINGS, PICTURES] = ["drawings", "pictures"];
const OF_TAB = "\n"; // between the key of a drawing and the name of its tab
const DAY_MS = 24 * 3600 * 1000;

/**
 * @typedef {ReturnType<typeof createStore>} Store
 * @typedef {{tab: string, changed: number, drawing: import("../types.js").Drawing}} KeptDrawing  changed: milliseconds since 1970
 */

/**
 * @param {(key: string) => void} onFailure  gets a key of the words when nothing can be stored any more
 */
export function createStore(onFailure) {
  const opened = openDatabase();
  let failed = false;
  /** @type {Map<string, Blob>} */
  const pictures = new Map(); // of this visit, if the browser stores none

  /** @param {string} table  @param {IDBTransactionMode} mode  @param {(store: IDBObjectStore) => IDBRequest} request */
  async function query(table, mode, request) {
    const database = await opened;
    if (!database) return undefined;
    return result(request(database.transaction(table, mode).objectStore(table)));
  }

  /** @param {string} table  @param {string} key  @param {unknown} value  @returns {Promise<boolean>}  whether it was stored */
  async function put(table, key, value) {
    try {
      return (await query(table, "readwrite", (store) => store.put(value, key))) !== undefined;
    } catch (error) {
      if (!failed) onFailure(/** @type {Error} */ (error).name === "QuotaExceededError" ? "error_storage_full" : "error_storage");
      failed = true;
      return false;
    }
  }

  return {
    /** Return the drawings of all tabs for a kind of model, the latest first. @param {string} key  @returns {Promise<KeptDrawing[]>} */
    async drawings(key) {
      const range = IDBKeyRange.bound(key, `${key}${OF_TAB}\uffff`); // the key alone is from before there were names of tabs
      const [names, drawings] = await Promise.all([
        query(DRAWINGS, "readonly", (store) => store.getAllKeys(range)),
        query(DRAWINGS, "readonly", (store) => store.getAll(range)),
      ]).catch(() => [[], []]);
      const kept = (drawings ?? []).map((drawing, i) => ({ tab: names[i].slice(key.length + 1), changed: drawing?.changed ?? 0, drawing }));
      return kept.sort((a, b) => b.changed - a.changed);
    },
    /** @param {string} key  @param {string} tab  @param {import("../types.js").Drawing} drawing */
    keepDrawing: (key, tab, drawing) => put(DRAWINGS, key + OF_TAB + tab, { ...drawing, changed: Date.now() }),
    /** @param {string} key  @param {string} tab */
    dropDrawing: (key, tab) => query(DRAWINGS, "readwrite", (store) => store.delete(tab ? key + OF_TAB + tab : key)).catch(() => undefined),
    /** @param {string} id  @returns {Promise<Blob|undefined>} */
    picture: async (id) => pictures.get(id) ?? query(PICTURES, "readonly", (store) => store.get(id)).catch(() => undefined),
    /** @param {Blob} blob  @param {string} [id]  @returns {Promise<string>}  its name */
    async keepPicture(blob, id = Date.now().toString(36) + Math.random().toString(36).slice(2, 8)) {
      const dated = new File([blob], id, { type: blob.type, lastModified: Date.now() });
      if (!(await put(PICTURES, id, dated))) pictures.set(id, blob);
      return id;
    },
    /** Delete pictures that no drawing names and that are too old to be in a drawing of another tab. @param {(drawing: import("../types.js").Drawing) => string[]} names */
    async tidy(names) {
      const [drawings, ids] = await Promise.all([
        query(DRAWINGS, "readonly", (store) => store.getAll()),
        query(PICTURES, "readonly", (store) => store.getAllKeys()),
      ]).catch(() => [[], []]);
      const used = new Set((drawings ?? []).flatMap(names));
      for (const id of ids ?? []) {
        if (used.has(id)) continue;
        const { lastModified = 0 } = (await query(PICTURES, "readonly", (store) => store.get(id))) ?? {};
        if (Date.now() - lastModified > DAY_MS) await query(PICTURES, "readwrite", (store) => store.delete(id));
      }
    },
  };
}

/** Return the choices of earlier visits. @returns {Record<string, any>} */
export function choices() {
  try {
    return JSON.parse(readStored("localStorage", PLACE) ?? "{}");
  } catch {
    return {}; // damaged
  }
}

/** @param {string} name  @param {unknown} value */
export const keepChoice = (name, value) => writeStored("localStorage", PLACE, JSON.stringify({ ...choices(), [name]: value }));

/** @returns {Promise<IDBDatabase|null>} */
async function openDatabase() {
  try {
    const request = indexedDB.open(PLACE, 1);
    request.onupgradeneeded = () => {
      for (const table of [DRAWINGS, PICTURES]) request.result.createObjectStore(table);
    };
    return await result(request);
  } catch {
    return null;
  }
}

/** @template T  @param {IDBRequest<T>} request  @returns {Promise<T>} */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
