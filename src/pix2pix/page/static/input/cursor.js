/** Draw with keys: arrows move a cursor, Space and Enter start and end strokes. */

import { announce } from "../panels/notices.js";
import { t } from "../words/texts.js";
import { colourAt } from "./stroke-input.js";

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST_PX = 10;

/**
 * @param {HTMLElement} canvas
 * @param {import("./stroke-input.js").StrokeInput} strokeInput
 * @param {import("../paint/editor.js").Editor} editor
 * @param {{show: (point: import("../types.js").Point|null) => void, nameOf: (colour: string) => string}} page
 */
export function followKeys(canvas, strokeInput, editor, { show, nameOf }) {
  const at = { x: 0, y: 0 };
  let [placed, announcing] = [false, 0];

  function place() {
    const { width, height } = editor.image;
    if (!placed) Object.assign(at, { x: Math.floor(width / 2), y: Math.floor(height / 2) });
    placed = true;
    at.x = Math.max(0, Math.min(width - 1, at.x));
    at.y = Math.max(0, Math.min(height - 1, at.y));
  }

  // The middle of the pixel, so that lines and corners include it.
  const middle = () => ({ x: at.x + 0.5, y: at.y + 0.5, reach: 0.5 });

  /** @param {KeyboardEvent} event  @param {[number, number]} direction */
  function move(event, [dx, dy]) {
    const step = event.shiftKey ? FAST_PX : 1;
    Object.assign(at, { x: at.x + dx * step, y: at.y + dy * step });
    place();
    if (strokeInput.isDrawing) strokeInput.move([far()]);
    show(at);
    clearTimeout(announcing); // while a key repeats, only the point where it ends is announced
    announcing = setTimeout(() => announce(t("announce_at", { ...at, colour: nameOf(colourAt(editor.image, at.x, at.y)) })), 400);
  }

  /** Return the end of a stroke: the far corner of a rectangle includes its pixel. */
  function far() {
    return strokeInput.tool === "rectangle" ? { x: at.x + 1, y: at.y + 1 } : middle();
  }

  /** @param {boolean} enter */
  function press(enter) {
    clearTimeout(announcing); // the point would replace what is announced of the stroke
    strokeInput.held.straight = false;
    if (strokeInput.isDrawing && (enter || strokeInput.tool !== "polygon")) return strokeInput.close();
    const start = strokeInput.tool === "rectangle" ? { ...at } : middle();
    strokeInput.down(start);
    if (strokeInput.isDrawing) announce(t("announce_started", at));
    return undefined;
  }

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    place();
    if (arrow) move(event, arrow);
    else press(event.key === "Enter");
    show(at);
  });
  canvas.addEventListener("focus", () => {
    if (!canvas.matches(":focus-visible")) return;
    place();
    show(at);
  });
  canvas.addEventListener("blur", () => show(null));
}
