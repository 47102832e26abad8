/** Which of the kept drawings a tab shows: its own, else the latest one of a tab that was closed. */

import { isKept } from "../paint/saved.js";

/**
 * @typedef {import("./store.js").KeptDrawing} KeptDrawing
 * @typedef {import("../types.js").Drawing} Drawing
 */

const MOST = 12; // drawings of closed tabs for a kind of model

/**
 * @param {import("./store.js").Store} store
 * @param {import("./tab.js").Tab} tab
 */
export function createKept(store, tab) {
  /** Return what tabs kept that are closed, the latest first. @param {string} key */
  async function closed(key) {
    const live = await tab.live();
    // One of another version of this page cannot always be replayed.
    const kept = (await store.drawings(key)).filter(({ drawing }) => isKept(drawing));
    return { kept, closed: live ? kept.filter((one) => one.tab !== tab.name && !live.has(one.tab)) : [] };
  }

  return {
    /** @param {string} key  @param {Drawing} drawing */
    keep: (key, drawing) => store.keepDrawing(key, tab.name, drawing),
    /** Return the drawing to show; that of a closed tab becomes this tab's own. @param {string} key  @returns {Promise<Drawing|undefined>} */
    async open(key) {
      const { kept, closed: others } = await closed(key);
      const own = kept.find((one) => one.tab === tab.name);
      if (own) return own.drawing;
      for (const { tab: old } of others.slice(MOST)) await store.dropDrawing(key, old);
      const [latest] = others;
      // A second tab begins with what the first shows, and goes its own way.
      if (!latest) return kept[0]?.drawing;
      if (await store.keepDrawing(key, tab.name, latest.drawing)) await store.dropDrawing(key, latest.tab);
      return latest.drawing;
    },
    /** Return the latest drawing of another tab that was closed. @param {string} key  @returns {Promise<KeptDrawing|undefined>} */
    other: async (key) => (await closed(key)).closed[0],
    /** @param {string} key  @param {KeptDrawing} kept */
    drop: (key, kept) => store.dropDrawing(key, kept.tab),
  };
}
