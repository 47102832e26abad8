/** Drawing with keys: arrows move a cursor, Space and Enter start and end strokes. */

import { colourAt } from "./hand.js";
import { say } from "./notices.js";
import { t } from "./words.js";

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAST_PX = 10;

/**
 * @param {HTMLElement} canvas
 * @param {import("./hand.js").Hand} hand
 * @param {import("./studio.js").Studio} studio
 * @param {{show: (point: import("./types.js").Point|null) => void, nameOf: (colour: string) => string}} page
 */
export function followKeys(canvas, hand, studio, { show, nameOf }) {
  const at = { x: 0, y: 0 };
  let [placed, talk] = [false, 0];

  function place() {
    const { width, height } = studio.image;
    if (!placed) Object.assign(at, { x: Math.floor(width / 2), y: Math.floor(height / 2) });
    placed = true;
    at.x = Math.max(0, Math.min(width - 1, at.x));
    at.y = Math.max(0, Math.min(height - 1, at.y));
  }

  // The middle of the pixel, so that lines and corners take it in.
  const middle = () => ({ x: at.x + 0.5, y: at.y + 0.5 });

  /** @param {KeyboardEvent} event  @param {[number, number]} direction */
  function move(event, [dx, dy]) {
    const step = event.shiftKey ? FAST_PX : 1;
    Object.assign(at, { x: at.x + dx * step, y: at.y + dy * step });
    place();
    if (hand.isDrawing) hand.move([far()]);
    show(at);
    clearTimeout(talk); // while a key repeats, only the place where it ends is read
    talk = setTimeout(() => say(t("said_at", { ...at, colour: nameOf(colourAt(studio.image, at.x, at.y)) })), 400);
  }

  /** The far corner of a rectangle takes its pixel in. */
  function far() {
    return hand.tool === "rectangle" ? { x: at.x + 1, y: at.y + 1 } : middle();
  }

  /** @param {boolean} enter */
  function press(enter) {
    hand.held.straight = false;
    if (hand.isDrawing && (enter || hand.tool !== "polygon")) return hand.close();
    const start = hand.tool === "rectangle" ? { ...at } : middle();
    hand.down(start);
    if (hand.isDrawing) say(t("said_started", at));
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
