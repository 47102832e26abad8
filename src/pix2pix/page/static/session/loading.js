/** Load pictures beneath drawings; what a server does not give now is loaded when it is back. */

import { sleep } from "../model/waits.js";
import { notify, withdraw } from "../panels/notices.js";
import { t } from "../words/texts.js";
import { fitSize } from "./pictures.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").PictureStroke} PictureStroke
 * @typedef {import("../types.js").Stroke} Stroke
 */

const RETRY_MS = 2000; // between two tries to reach the server

/**
 * @param {readonly Card[]} cards
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../session/pictures.js").Pictures} pictures
 */
export function createLoading(cards, editor, pictures) {
  let retries = 0;

  /**
   * Load pictures; while the server does not answer, try again and call `onBack` afterwards.
   * @param {readonly Stroke[]} strokes  @param {Card} card  @param {() => void} [onBack]
   */
  async function load(strokes, card, onBack = editor.refresh) {
    const loaded = await pictures.load(strokes, card, cards);
    if (loaded === "lost") notify("picture", { text: t("error_lost_picture"), error: true });
    if (loaded === "unreachable") void retry(strokes, card, onBack);
  }

  /** @param {readonly Stroke[]} strokes  @param {Card} card  @param {() => void} onBack */
  async function retry(strokes, card, onBack) {
    notify("picture", { text: t("error_unreachable_picture"), error: true });
    const turn = ++retries;
    let loaded = "unreachable";
    while (loaded === "unreachable") {
      await sleep(RETRY_MS);
      if (turn !== retries || card !== editor.card) return; // something newer is waited for
      loaded = await pictures.load(strokes, card, cards);
    }
    withdraw("picture");
    if (loaded === "all") onBack();
  }

  /**
   * Load a picture and choose its size.
   * @param {{picture: string}|{model: string, example: string}} name  @param {Card} card  @param {() => void} [onBack]
   */
  async function placePicture(name, card, onBack) {
    /** @type {PictureStroke} */
    const stroke = { tool: "picture", width: 1, height: 1, ...name };
    await load([stroke], card, onBack);
    const picture = pictures.get(stroke, card);
    return picture && { picture, stroke: { ...stroke, ...fitSize(picture.source, card) } };
  }

  return { load, placePicture, /** Wait for no picture any more. */ stopWaiting: () => void retries++ };
}
