/** Four translations of one drawing, by noise of their own each; a click takes one. */

import { byId, make } from "./dom.js";
import { show } from "./result.js";
import { t } from "../words/texts.js";

const COUNT = 4;

/**
 * @param {() => import("./result.js").Result} result
 */
export function createVariants(result) {
  const [strip, button] = [byId("strip"), byId("four")];
  let first = 0;
  const canvases = Array.from({ length: COUNT }, () => make("canvas", { width: 1, height: 1 }));
  strip.append(...canvases.map((canvas, i) => make("button", { type: "button", onclick: () => result().setSample(first + i) }, canvas)));

  function mark() {
    for (const [i, take] of [...strip.children].entries()) {
      take.setAttribute("aria-label", t("variant", { number: first + i + 1 }));
      take.setAttribute("aria-pressed", String(first + i === result().now.sample));
    }
  }

  button.addEventListener("click", () => {
    strip.hidden = !strip.hidden;
    button.setAttribute("aria-expanded", String(!strip.hidden));
    mark();
    if (!strip.hidden) result().refresh();
  });

  return {
    /** The strip is filled one by one while the drawing rests. @param {AbortSignal} signal */
    async fill(signal) {
      if (strip.hidden || result().now.mode !== "paper" || !result().isShown) return;
      for (const [i, canvas] of canvases.entries()) {
        const { bitmap } = await result().translate(signal, first + i);
        show(canvas, bitmap, signal);
      }
    },
    mark,
    /** There is no result to vary. */
    blank() {
      for (const canvas of canvases) canvas.width = 1;
    },
    /** The next variant, in the next four where these are through. */
    another() {
      const next = result().now.sample + 1;
      if (next >= first + COUNT) first = next;
      result().setSample(next);
      mark();
    },
    /** Another model or mode. */
    reset() {
      first = 0;
      const none = result().now.mode !== "paper";
      if (none) strip.hidden = true;
      button.setAttribute("aria-expanded", String(!strip.hidden));
      mark();
    },
  };
}
