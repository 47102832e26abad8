/** The chosen tool, colour and width. Event: `chosen`. */

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

export function createChoice() {
  const { on, emit } = createEmitter();
  /** @type {{tool: ToolName, colour: string|null, px: number, grid: number, mirror: boolean, stamp: import("../types.js").Stamp|null}} */
  const now = { tool: "move", colour: null, px: 8, grid: 0, mirror: false, stamp: null };

  return {
    on,
    now,
    /** @param {Partial<typeof now>} change */
    set(change) {
      Object.assign(now, change);
      emit("chosen");
    },
    /** Choose what fits a model's training size. @param {Card} card */
    begin({ kind, palette, ground, size_px }) {
      const side = Math.min(...size_px);
      // Palettes begin with large areas such as sky and wall: a later class shows more at first.
      const begin = Math.min(3, palette.length - 1);
      const first = kind === "labels" ? palette[begin === ground ? begin - 1 : begin] ?? palette[0] : palette[0];
      const px = kind === "sketch" ? Math.max(1, Math.round(side / 128)) : Math.max(2, Math.round(side / (kind === "mask" ? 8 : 16)));
      this.set({ tool: TOOLS[kind][0] ?? "move", colour: first?.colour ?? null, px: Math.min(px, WIDEST_PX) });
    },
  };
}
