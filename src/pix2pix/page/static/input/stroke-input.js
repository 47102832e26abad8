/** Strokes from touches: pointers and keys both call it. */

import { toHex } from "../paint/colours.js";
import { startStroke } from "../paint/tools.js";

/**
 * @typedef {import("../paint/tools.js").Touch} Touch
 * @typedef {ReturnType<typeof createStrokeInput>} StrokeInput
 */

const CROSSING = ["brush", "eraser", "rectangle", "polygon"];

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../paint/choice.js").Choice} choice
 * @param {(colour: string) => void} onPick
 * @param {Pick<import("./aids.js").Aids, "drag"|"snapped"|"doubled"|"stampAt">} aids
 */
export function createStrokeInput(editor, choice, onPick, aids) {
  /** @type {import("../paint/tools.js").ActiveStroke|null} */
  let active = null;
  const held = { straight: false, pick: false };
  const settings = () => ({ ...choice.now, straight: held.straight });

  /** @param {import("../paint/tools.js").Step|null} step */
  const apply = (step) => step && editor.apply(aids.doubled(step));

  /** @param {import("../types.js").Stroke} stroke */
  const add = (stroke) => editor.add(aids.doubled({ kind: "commit", stroke }).stroke);

  /** @param {Touch} touch */
  function pick({ x, y }) {
    onPick(colourAt(editor.image, x, y));
  }

  /** Add a corner of a polygon, or close it. @param {import("../paint/tools.js").Step|null} step */
  function tap(step) {
    if (step?.kind === "commit") active = null;
    return apply(step);
  }

  function cancel() {
    if (!active) return;
    active = null;
    editor.cancel();
  }
  editor.on("interrupt", cancel);

  return {
    held,
    /** The tool of the next touch: with Alt it is the pick. */
    get tool() {
      return held.pick && editor.card.kind === "labels" ? "pick" : choice.now.tool;
    },
    /** Whether the tool's strokes may begin outside the frame. */
    get crossesFrame() {
      return CROSSING.includes(this.tool);
    },
    get isDrawing() {
      return active !== null;
    },
    /** The point whose tap closes the polygon that is being drawn. */
    get closing() {
      return active?.closing ?? null;
    },
    /** @param {Touch} touch */
    down(touch) {
      const { tool } = this;
      touch = aids.snapped(touch, tool);
      if (active) return tap(active.tap(touch));
      if (tool === "pick") return pick(touch);
      if (tool === "move" || !editor.isReady) return undefined;
      if (tool === "fill") {
        if (isInside(editor.image, touch)) {
          add({ tool: "fill", colour: choice.now.colour ?? "#000000", at: [Math.floor(touch.x), Math.floor(touch.y)] });
        }
        return undefined;
      }
      if (tool === "stamp") return choice.now.stamp ? add(aids.stampAt(touch)) : undefined;
      editor.begin();
      active = tool === "select" ? aids.drag(touch) : startStroke(tool, touch, settings());
      return apply(active?.first() ?? null);
    },
    /** @param {Touch[]} touches  the newest last */
    move(touches) {
      if (active) apply(active.move(touches.map((touch) => aids.snapped(touch, choice.now.tool)), settings()));
    },
    /** End the stroke; a polygon goes on until it is closed. */
    up() {
      if (active && choice.now.tool !== "polygon") this.close();
    },
    close() {
      if (!active) return;
      const step = active.end();
      active = null;
      if (step) apply(step);
      else editor.cancel();
    },
    cancel,
  };
}

/**
 * @param {import("../types.js").Image} image
 * @param {number} x
 * @param {number} y
 */
export function colourAt({ pixels, width, height }, x, y) {
  const clamp = (/** @type {number} */ value, /** @type {number} */ most) => Math.max(0, Math.min(most - 1, Math.floor(value)));
  return toHex(pixels[clamp(y, height) * width + clamp(x, width)]);
}

/**
 * @param {import("../types.js").Image} image
 * @param {Touch} touch
 */
const isInside = ({ width, height }, { x, y }) => x >= 0 && y >= 0 && x < width && y < height;
