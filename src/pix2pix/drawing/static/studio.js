/**
 * The model that is drawn for, the drawing, and its pixels, kept in step. Events: `opened` (another
 * model or drawing), `painted` (box), `changed` (how, stroke): the drawing gained or lost a stroke.
 */

import { add, createDrawing, redo, sizeOf, undo } from "./drawing.js";
import { createEmitter } from "./emitter.js";
import { createSurface } from "./surface.js";

/**
 * @typedef {import("./types.js").Card} Card
 * @typedef {import("./types.js").Drawing} Drawing
 * @typedef {import("./types.js").Stroke} Stroke
 * @typedef {import("./tools.js").Step} Step
 * @typedef {ReturnType<typeof createStudio>} Studio
 */

/** @param {Card} card  @returns {Drawing} */
export function newDrawing({ size_px: [height, width], palette, ground }) {
  return createDrawing({ width, height, ground: palette[ground]?.colour ?? "#ffffff" });
}

/**
 * Models with one key share a drawing: the same strokes mean the same to them.
 * @param {Card} card
 */
export function drawingKey({ kind, palette }) {
  return kind === "labels" ? `labels ${palette.map((s) => s.colour).join(" ")}` : `${kind} ${palette[0]?.colour ?? ""}`;
}

/**
 * @param {import("./pictures.js").Pictures} pictures
 */
export function createStudio(pictures) {
  const { on, emit } = createEmitter();
  /** @type {Card} */
  let card;
  /** @type {Drawing} */
  let drawing;
  let surface = createSurface({ ink: null, picture: () => null });

  const replay = () => emit("painted", surface.replay(drawing));

  /** @param {string} how  @param {Stroke} stroke */
  function changed(how, stroke) {
    replay();
    emit("changed", how, stroke);
  }

  return {
    on,
    get card() {
      return card;
    },
    get drawing() {
      return drawing;
    },
    get image() {
      return surface.image;
    },
    get size() {
      return sizeOf(drawing);
    },
    /** Whether there is something to translate: photographs have to come from somewhere. */
    get isReady() {
      return card.ground >= 0 || surface.hasPicture;
    },
    /** Another model, another drawing. @param {Card} nextCard  @param {Drawing} nextDrawing */
    open(nextCard, nextDrawing) {
      [card, drawing] = [nextCard, nextDrawing];
      surface = createSurface({
        ink: card.kind === "sketch" ? card.palette[0].colour : null,
        picture: (stroke, width, height) => pictures.sized(stroke, width, height, card),
      });
      const box = surface.replay(drawing);
      emit("opened");
      emit("painted", box);
    },
    /** Pixels anew, for instance when a picture has arrived. */
    replay,
    begin: () => surface.begin(),
    /** A stroke under way. @param {Step} step */
    take({ kind, stroke, from }) {
      const box = kind === "extend" ? surface.extend(stroke, from ?? 0) : surface.preview(stroke);
      if (kind === "commit") {
        add(drawing, stroke);
        surface.begin();
      }
      if (box) emit("painted", box);
      if (kind === "commit") emit("changed", "added", stroke);
    },
    cancel() {
      const box = surface.restore();
      if (box) emit("painted", box);
    },
    /** A stroke at once. @param {Stroke} stroke */
    add(stroke) {
      add(drawing, stroke);
      changed("added", stroke);
    },
    undo() {
      const stroke = undo(drawing);
      if (stroke) changed("undone", stroke);
    },
    redo() {
      const stroke = redo(drawing);
      if (stroke) changed("redone", stroke);
    },
  };
}
