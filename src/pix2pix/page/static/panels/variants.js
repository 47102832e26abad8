/** Four translations of one drawing, each by its own noise; a click chooses one. */

import { t } from "../words/texts.js";
import { byId, make } from "./dom.js";
import { show } from "./result.js";

const COUNT = 4;

/**
 * @param {() => import("./result.js").Result} result
 */
export function createVariants(result) {
  const [strip, toggle] = [byId("strip"), byId("four")];
  let first = 0;
  const canvases = Array.from({ length: COUNT }, () => make("canvas", { width: 1, height: 1 }));
  strip.append(...canvases.map((canvas, i) => make("button", { type: "button", onclick: () => result().setSample(first + i) }, canvas)));

  function mark() {
    for (const [i, button] of [...strip.children].entries()) {
      button.setAttribute("aria-label", t("variant", { number: first + i + 1 }));
      button.setAttribute("aria-pressed", String(first + i === result().now.sample));
    }
  }

  toggle.addEventListener("click", () => {
    strip.hidden = !strip.hidden;
    toggle.setAttribute("aria-expanded", String(!strip.hidden));
    mark();
    if (strip.hidden) return;
    strip.scrollIntoView({ block: "nearest" }); // on a phone it lies under the dock
    result().refresh();
  });

  return {
    /** Fill the strip one by one in a pause of drawing. @param {AbortSignal} signal */
    async fill(signal) {
      if (strip.hidden || result().now.mode !== "paper" || !result().isShown) return;
      for (const [i, canvas] of canvases.entries()) {
        const { bitmap } = await result().translate(signal, first + i);
        show(canvas, bitmap, signal);
      }
    },
    mark,
    /** Clear the strip: there is no result. */
    blank() {
      for (const canvas of canvases) canvas.width = 1;
    },
    /** Show the next variant, of the next four after the fourth. */
    another() {
      const next = result().now.sample + 1;
      if (next >= first + COUNT) first = next;
      result().setSample(next);
      mark();
    },
    /** Start over for another model or mode. */
    reset() {
      first = 0;
      const none = result().now.mode !== "paper";
      if (none) strip.hidden = true;
      toggle.setAttribute("aria-expanded", String(!strip.hidden));
      mark();
    },
  };
}
