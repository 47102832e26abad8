/** Four translations of one drawing, each by its own noise; a click chooses one. */

import { spreadOf } from "../pixels/spread.js";
import { contextOf, resizeCanvas } from "../paint/canvases.js";
import { sentences, t } from "../words/texts.js";
import { byId, make } from "../panels/dom.js";
import { show } from "./result.js";

const COUNT = 4;
const HARDLY = 2; // levels of 255 on average: nobody sees a difference

/**
 * @param {() => import("./result.js").Result} result
 */
export function createVariants(result) {
  const [strip, toggle] = [byId("strip"), byId("four")];
  let first = 0;
  /** @type {number|null} */
  let levels = null;
  let [isOpen, isNew] = [false, false]; // isNew: opened, and not yet filled
  const [map, words] = [make("canvas", { width: 1, height: 1, role: "img" }), make("p")];
  const spread = make("div", { className: "spread", hidden: true }, map, words);
  const canvases = Array.from({ length: COUNT }, () => make("canvas", { width: 1, height: 1 }));
  const buttons = canvases.map((canvas, i) => make("button", { type: "button", onclick: () => result().setSample(first + i) }, canvas));
  strip.append(...buttons, spread);

  /** Show how far the variants are apart, and where. */
  function compare() {
    const { width, height } = canvases[0];
    const { map: pixels, ...spreading } = spreadOf(canvases.map((canvas) => contextOf(canvas).getImageData(0, 0, width, height).data), width, height);
    resizeCanvas(map, spreading);
    contextOf(map).putImageData(new ImageData(pixels, spreading.width, spreading.height), 0, 0);
    levels = spreading.levels;
    say();
    if (isNew) strip.scrollIntoView({ block: "nearest" }); // with its sentence
    isNew = false;
  }

  function say() {
    spread.hidden = levels === null;
    if (levels === null) return;
    const sentence = t("spread_levels", { levels: levels.toFixed(1) });
    words.textContent = sentences(sentence, t(levels < HARDLY ? "spread_hardly" : "spread_where"));
    map.ariaLabel = t("spread_map");
  }

  /** Show the strip if it is open and there is a result to choose from. @param {boolean} isShown */
  function place(isShown) {
    strip.hidden = !isOpen || !isShown;
    toggle.ariaExpanded = String(!strip.hidden);
  }

  function mark() {
    place(result().isShown);
    say();
    for (const [i, button] of buttons.entries()) {
      button.ariaLabel = t("variant", { number: first + i + 1 });
      button.ariaPressed = String(first + i === result().now.sample);
    }
  }

  toggle.addEventListener("click", () => {
    isOpen = !isOpen;
    mark();
    if (strip.hidden) return;
    isNew = true;
    strip.scrollIntoView({ block: "nearest" }); // on a phone it lies under the dock
    result().refresh();
  });

  return {
    /** Fill the strip one by one in a pause of drawing. @param {AbortSignal} signal */
    async fill(signal) {
      if (strip.hidden || !result().varies || !result().isShown) return;
      for (const [i, canvas] of canvases.entries()) {
        const { bitmap } = await result().translate(signal, first + i);
        show(canvas, bitmap, signal);
      }
      compare();
    },
    mark,
    /** Clear the strip: there is no result. */
    blank() {
      for (const canvas of canvases) canvas.width = 1;
      levels = null;
      place(false);
      say();
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
      const { sample } = result().now;
      first = sample - (sample % COUNT);
      if (!result().varies) isOpen = false;
      mark();
    },
  };
}
