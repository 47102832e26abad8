/** The translators of models: on a server, or in the page; each is made once. */

import { createTranslator as createLocal } from "./local.js";
import { createTranslator as createRemote } from "./remote.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").Translator} Translator
 * @typedef {{translator: Translator, prepared: Promise<void>, isReady: boolean}} Made
 */

/** @param {(translator: Translator) => Promise<void>} prepare */
export function createTranslators(prepare) {
  /** @type {Map<string, Made>} */
  const all = new Map();

  return {
    /** Return the model's translator: loaded once, with progress. @param {Card} card  @returns {Made} */
    ready(card) {
      const known = all.get(card.name);
      if (known) return known;
      const translator = (card.translate ? createRemote : createLocal)(card);
      const made = { translator, prepared: prepare(translator), isReady: card.translate !== null };
      all.set(card.name, made);
      made.prepared.then(() => (made.isReady = true), () => all.get(card.name) === made && all.delete(card.name));
      return made;
    },
    /** Close the translators of other models: a network in the page needs much memory. @param {string} open */
    closeOthers(open) {
      for (const [name, { translator }] of all) {
        if (name === open) continue;
        all.delete(name);
        translator.close(); // also ends the download of its network
      }
    },
  };
}
