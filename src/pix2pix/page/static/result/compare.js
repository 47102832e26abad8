/** Before and after: the drawing or the target over the result, cut at a divider. */

import { showPicture } from "../paint/canvases.js";
import { t } from "../words/texts.js";
import { byId, segments } from "../panels/dom.js";

const SIDES = ["off", "drawing", "known"];

/**
 * @param {HTMLCanvasElement} drawing
 * @param {() => HTMLCanvasElement|null} known  the target
 * @param {() => {isReady: boolean, isPhotograph: boolean}} state  whether there is a drawing, and what it is called
 */
export function createCompare(drawing, known, state) {
  const [canvas, split] = [byId("compared"), byId("split")];
  let chosen = "off";

  const isPossible = (/** @type {string} */ side) => side === "off" || (state().isReady && (side !== "known" || known() !== null));
  const shown = () => (isPossible(chosen) ? chosen : "off");
  const nameOf = (/** @type {string} */ side) => t(side === "drawing" && state().isPhotograph ? "photograph" : `compare_${side}`);

  function show() {
    const side = shown();
    byId("before").hidden = byId("divider").hidden = side === "off";
    byId("caption").textContent = nameOf(side);
    canvas.classList.toggle("pixels", side === "drawing");
    const picture = side === "drawing" ? drawing : side === "known" ? known() : null;
    if (picture) showPicture(canvas, picture); // a photograph is sharper than what is drawn over it
  }

  function build() {
    const options = SIDES.map((value) => ({ value, text: nameOf(value), checked: value === shown(), disabled: !isPossible(value) }));
    segments(byId("compare"), options, choose);
    show();
  }

  /** @param {string} side */
  function choose(side) {
    chosen = side;
    build();
  }

  split.addEventListener("input", () => {
    byId("result-stage").style.setProperty("--split", `${split.value}%`);
  });

  return {
    /** Follow a change of the drawing. */
    update: () => shown() === "drawing" && show(),
    /** Follow a change of model, picture or language. */
    build,
    /** Choose the next possible side. */
    step() {
      const possible = SIDES.filter(isPossible);
      chosen = possible[(possible.indexOf(shown()) + 1) % possible.length];
      build();
    },
  };
}
