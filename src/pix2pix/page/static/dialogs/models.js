/** The models: a button with the open one's name, and a gallery to choose another by its picture. */

import { t } from "../words/texts.js";
import { openDialog } from "./dialog.js";
import { byId, icon, make } from "../panels/dom.js";
import { drawThumbnail, emptyThumbnail } from "../panels/thumbnails.js";

/** @typedef {import("../types.js").Card} Card */

const ICONS = { labels: "rectangle", sketch: "pen", photograph: "picture", mask: "brush" };

/**
 * @param {readonly Card[]} cards
 * @param {(name: string) => void} choose
 */
export function createModels(cards, choose) {
  const button = byId("model");
  button.onclick = open;
  button.disabled = cards.length < 2;

  function open() {
    const pictures = new AbortController();
    const items = cards.map((card) => item(card, pictures.signal, () => (dialog.close(), choose(card.name))));
    const dialog = openDialog(t("models_title"), [make("div", { className: "gallery" }, ...items)], () => pictures.abort());
    /** @type {HTMLElement|null} */ (dialog.querySelector("[aria-current]"))?.focus();
  }

  /** @param {Card} card  @param {AbortSignal} signal  @param {() => void} onclick */
  function item(card, signal, onclick) {
    const [first] = card.examples;
    const picture = first ? emptyThumbnail() : make("span", { className: "thumbnail" }, icon(ICONS[card.kind]));
    if (picture instanceof HTMLCanvasElement) void drawThumbnail(picture, first, signal).catch(() => {}); // the name is enough
    const [height, width] = card.size_px;
    const facts = make("small", { textContent: `${t(`kind_${card.kind}`)} · ${width} × ${height}` });
    const ariaCurrent = card.name === button.value ? "true" : null;
    return make("button", { type: "button", value: card.name, ariaCurrent, onclick }, picture, make("strong", { textContent: card.name }), facts);
  }

  return {
    /** Show which model is open. @param {Card} card */
    show({ name }) {
      button.value = name;
      byId("model-name").textContent = name;
    },
  };
}
