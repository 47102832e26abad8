/** The chosen tool, colour and width; the eraser has its own width. Event: `chosen`. */

import { createEmitter } from "./emitter.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("./tools.js").ToolName} ToolName
 * @typedef {ReturnType<typeof createChoice>} Choice
 */

/** @type {Record<import("../types.js").Kind, ToolName[]>} */
export const TOOLS = {
  labels: ["rectangle", "brush", "polygon", "fill", "pick", "select", "move"],
  sketch: ["brush", "eraser", "select", "move"],
  mask: ["brush", "rectangle", "eraser"],
  photograph: [],
};

export const WIDEST_PX = 64;
// Thin lines are erased by a wide eraser: following them exactly is hard.
const ERASER_PX = 15;

/** Return the tool and the colour that a model begins with. @param {Card} card  @returns {{tool: ToolName, colour: string|null}} */
export function firstChoice({ kind, palette, ground }) {
  // Palettes begin with large areas such as sky and wall: a later class shows more at first.
  const begin = Math.min(3, palette.length - 1);
  const first = kind === "labels" ? palette[begin === ground ? begin - 1 : begin] ?? palette[0] : palette[0];
  return { tool: TOOLS[kind][0] ?? "move", colour: first?.colour ?? null };
}

export function createChoice() {
  const { on, emit } = createEmitter();
  /** @type {{tool: ToolName, colour: string|null, px: number, grid: number, mirror: boolean, stamp: import("../types.js").Stamp|null}} */
  const now = { tool: "move", colour: null, px: 8, grid: 0, mirror: false, stamp: null };
  const widths = { brush: 8, eraser: 8 };

  return {
    on,
    now,
    /** @param {Partial<typeof now>} change */
    set(change) {
      Object.assign(now, change);
      const owner = now.tool === "eraser" ? "eraser" : "brush";
      widths[owner] = change.px ?? widths[owner];
      now.px = widths[owner];
      emit("chosen");
    },
    /** Choose what fits a model's training size. @param {Card} card */
    begin(card) {
      const { kind, size_px } = card;
      Object.assign(now, { grid: 0, mirror: false, stamp: null }); // other classes, another size
      const side = Math.min(...size_px);
      const px = kind === "sketch" ? Math.max(1, Math.round(side / 128)) : Math.max(2, Math.round(side / (kind === "mask" ? 8 : 16)));
      const eraser = kind === "sketch" ? Math.max(ERASER_PX, Math.round(side / 16)) : px;
      Object.assign(widths, { brush: Math.min(px, WIDEST_PX), eraser: Math.min(eraser, WIDEST_PX) });
      this.set(firstChoice(card));
    },
  };
}
