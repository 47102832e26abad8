/** A strip of known pairs; a press opens one. */

import { basePicture } from "../paint/drawing.js";
import { t } from "../words/texts.js";
import { byId, make } from "./dom.js";
import { drawThumbnail, emptyThumbnail } from "./thumbnails.js";

const SHOWN = 10;

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {(name: string) => void} open
 */
export function createExamples(editor, open) {
  const strip = byId("examples");
  let filling = new AbortController();

  function build() {
    const { examples } = editor.card;
    strip.hidden = examples.length === 0;
    filling.abort();
    filling = new AbortController();
    const canvases = examples.slice(0, SHOWN).map(emptyThumbnail);
    strip.replaceChildren(...canvases.map((canvas, i) => make("button", { type: "button", onclick: () => open(examples[i].name) }, canvas)));
    label();
    void fillIn(canvases, filling.signal);
  }

  /** Draw one after the other, behind what the page needs more. @param {HTMLCanvasElement[]} canvases  @param {AbortSignal} signal */
  async function fillIn(canvases, signal) {
    try {
      for (const [i, canvas] of canvases.entries()) await drawThumbnail(canvas, editor.card.examples[i], signal);
    } catch {
      // Without a connection the buttons stay, without pictures.
    }
  }

  /** Name the buttons in the current language, and mark the open example. */
  function label() {
    const base = basePicture(editor.drawing);
    for (const [i, button] of [...strip.children].entries()) {
      const name = t("example_number", { number: i + 1 });
      const isOpen = base?.model === editor.card.name && base.example === editor.card.examples[i].name;
      Object.assign(button, { title: name, ariaLabel: name, ariaPressed: String(isOpen) });
    }
  }

  editor.on("opened", build);
  editor.on("changed", label);
  return { label };
}
