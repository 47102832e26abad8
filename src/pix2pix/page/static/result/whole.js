/** Results of photographs: of the photograph's own size, and unchanged outside of a hole. */

import { aborted, sleep } from "../model/waits.js";
import { runPhotoTask } from "../pixels/photo.js";
import { fillWhole, holeOf, keepsSize, wholeSize } from "../pixels/whole.js";
import { contextOf, imageData, showPicture, toPng } from "../paint/canvases.js";
import { toPixel } from "../paint/colours.js";
import { basePicture } from "../paint/drawing.js";
import { LARGEST_PX } from "../session/pictures.js";
import { t } from "../words/texts.js";
import { byId } from "../panels/dom.js";
import { notify, withdraw } from "../panels/notices.js";

/** @typedef {ReturnType<typeof createWhole>} Whole */

const PAUSE_MS = 300; // in drawing, before a whole photograph is worth its work

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../session/pictures.js").Pictures} pictures
 * @param {import("../session/store.js").Store} store
 */
export function createWhole(editor, pictures, store) {
  const keeps = byId("keep-rest");

  /** Return the user's photograph if the result may be larger than the drawing. */
  function photograph() {
    const stroke = basePicture(editor.drawing);
    const picture = stroke?.picture !== undefined && keepsSize(editor.card) ? pictures.get(stroke, editor.card) : null;
    if (!picture || (editor.card.kind === "mask" && !keeps.checked)) return null;
    const whole = wholeSize(picture.size);
    const { width, height } = editor.size;
    return whole.width * whole.height > width * height ? { id: stroke?.picture ?? "", whole } : null;
  }

  /** @param {HTMLCanvasElement} result  @param {object} options  @param {AbortSignal} [signal] */
  async function make(result, options, signal) {
    const hole = editor.card.kind === "mask" ? editor.drawing : null;
    const [blob, small] = await Promise.all([store.picture(photograph()?.id ?? ""), createImageBitmap(result)]);
    signal?.throwIfAborted();
    return runPhotoTask("whole", { photograph: blob, small, hole, ...options }, signal);
  }

  return {
    /** Put the photograph back wherever there is no hole. @param {HTMLCanvasElement} result  of the drawing's size */
    keepRest(result) {
      const stroke = basePicture(editor.drawing);
      if (editor.card.kind !== "mask" || !keeps.checked || !stroke) return;
      const { pixels, width, height } = editor.image;
      const beneath = pictures.sized(stroke, width, height, editor.card)?.beneath;
      if (!beneath || result.width !== width || result.height !== height) return;
      const grey = toPixel(editor.card.palette[0].colour);
      const hole = new Uint8Array(pixels.length);
      /** @type {Uint8Array|null} */
      let strokes = null;
      for (let i = 0; i < hole.length; i++) {
        if (pixels[i] !== beneath[i]) hole[i] = 1;
        // A photograph may be as grey as a hole: then the strokes decide, which takes longer.
        else if (pixels[i] === grey) hole[i] = (strokes ??= holeOf(editor.drawing, { width, height }))[i];
      }
      const context = contextOf(result);
      const filled = context.getImageData(0, 0, width, height);
      const whole = imageData(beneath.slice(), editor.image);
      fillWhole(whole, filled, hole);
      context.putImageData(whole, 0, 0);
    },
    /** Show the result in the photograph's own size, as far as a screen has use for it. @param {HTMLCanvasElement} result  @param {AbortSignal} signal */
    async enlarge(result, signal) {
      const { width, height } = editor.size;
      await Promise.race([sleep(PAUSE_MS), aborted(signal)]);
      if (!photograph() || result.width !== width || result.height !== height) return false;
      const bitmap = await make(result, { longest: LARGEST_PX }, signal);
      signal.throwIfAborted();
      showPicture(result, bitmap);
      return true;
    },
    /** Return the result as a file, in full size. @param {HTMLCanvasElement} result  @returns {Promise<Blob|null>} */
    async toFile(result) {
      const whole = photograph()?.whole;
      if (!whole || (result.width === whole.width && result.height === whole.height)) {
        return toPng(result);
      }
      notify("whole", { text: t("saving_whole", whole) });
      try {
        return await make(result, { asFile: true });
      } finally {
        withdraw("whole");
      }
    },
  };
}
