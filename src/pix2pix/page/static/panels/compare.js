/** Before and after: the drawing or the target over the result, cut at a divider. */

import { contextOf, resizeCanvas } from "../paint/pictures.js";
import { t } from "../words/texts.js";
import { byId, segments } from "./dom.js";

const SIDES = ["off", "drawing", "known"];

/**
 * @param {HTMLCanvasElement} drawing
 * @param {() => HTMLCanvasElement|null} known  the target
 */
export function createCompare(drawing, known) {
  const [canvas, split] = [byId("compared"), byId("split")];
  let chosen = "off";

  const shown = () => (chosen === "known" && !known() ? "off" : chosen);

  function show() {
    const side = shown();
    byId("before").hidden = byId("divider").hidden = side === "off";
    byId("caption").textContent = t(`compare_${side}`);
    canvas.classList.toggle("pixels", side === "drawing");
    const picture = side === "drawing" ? drawing : side === "known" ? known() : null;
    if (!picture) return;
    resizeCanvas(canvas, drawing);
    contextOf(canvas).drawImage(picture, 0, 0, canvas.width, canvas.height);
  }

  function build() {
    const options = SIDES.map((value) => ({ value, text: t(`compare_${value}`), checked: value === shown(), disabled: value === "known" && !known() }));
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
      const possible = SIDES.filter((side) => side !== "known" || known());
      chosen = possible[(possible.indexOf(shown()) + 1) % possible.length];
      build();
    },
  };
}
