/**
 * The open model, its drawing, and the drawing's pixels, kept in step. Events: `opened` (another
 * model or drawing), `painted` (box), `changed` (how, stroke): the drawing gained or lost a stroke,
 * `interrupt`: it is about to, so that an unfinished stroke must be cancelled.
 */

import { add, createDrawing, redo, sizeOf, undo } from "./drawing.js";
import { createEmitter } from "./emitter.js";
import { createSurface } from "./surface.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("./tools.js").Step} Step
 * @typedef {ReturnType<typeof createEditor>} Editor
 */

/** @param {Card} card  @returns {Drawing} */
export function newDrawing({ size_px: [height, width], palette, ground }) {
  return createDrawing({ width, height, ground: palette[ground]?.colour ?? "#ffffff" });
}

/**
 * Return the key under which a drawing is kept. Models with the same key share it.
 * @param {Card} card
 */
export function drawingKey({ kind, palette }) {
  return kind === "labels" ? `labels ${palette.map((s) => s.colour).join(" ")}` : `${kind} ${palette[0]?.colour ?? ""}`;
}

/**
 * @param {import("../session/pictures.js").Pictures} pictures
 */
export function createEditor(pictures) {
  const { on, emit } = createEmitter();
  /** @type {Card} */
  let card;
  /** @type {Drawing} */
  let drawing;
  let surface = createSurface({ ink: null, picture: () => null });

  let isShifting = false; // a shape is dragged

  /** Return pixels of their own, to paint this model's drawings on. */
  const newSurface = () =>
    createSurface({
      ink: card.kind === "sketch" ? card.palette[0].colour : null,
      picture: (stroke, width, height) => pictures.sized(stroke, width, height, card),
    });

  const replay = () => emit("painted", surface.replay(drawing));

  /** @param {import("../types.js").Box|null} box */
  const paint = (box) => box && emit("painted", box);

  /** Paint a stroke that was just added. @param {Stroke} stroke */
  function show(stroke) {
    if (!("colour" in stroke)) return replay(); // it changes more than pixels
    surface.begin();
    paint(surface.preview(stroke));
    surface.settle(drawing);
  }

  /** Show or finish a change of one shape. @param {Step["kind"]} kind  @param {Stroke} stroke */
  function applyShape(kind, stroke) {
    isShifting = kind !== "commit";
    if (!isShifting) add(drawing, stroke);
    emit("painted", surface.replay(isShifting ? { ...drawing, strokes: [...drawing.strokes, stroke] } : drawing));
    if (!isShifting) emit("changed", "added", stroke);
  }

  /** Show the shape where it was. */
  function unshift() {
    isShifting = false;
    replay();
  }

  return {
    on,
    newSurface,
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
    /** Whether there is something to draw on: some models need a photograph first. */
    get isReady() {
      return card.ground >= 0 || surface.hasPicture;
    },
    /** Whether there is nothing to translate: what a network makes of an empty sheet is noise. */
    get isEmpty() {
      return !this.isReady || (card.ground >= 0 && surface.isPlain);
    },
    /** Open a model with its drawing. @param {Card} nextCard  @param {Drawing} nextDrawing */
    open(nextCard, nextDrawing) {
      emit("interrupt");
      [card, drawing] = [nextCard, nextDrawing];
      surface = newSurface();
      const box = surface.replay(drawing);
      emit("opened");
      emit("painted", box);
    },
    /** Paint again: a picture that was missing is there. */
    refresh() {
      emit("interrupt");
      surface.forget();
      replay();
    },
    begin: () => surface.begin(),
    /** Show or finish a stroke of a tool. @param {Step} step */
    apply({ kind, stroke, from }) {
      if (stroke.tool === "shape") return applyShape(kind, stroke);
      if (kind === "extend") return paint(surface.extend(stroke, from ?? 0));
      if (kind === "preview") return paint(surface.preview(stroke));
      if (stroke.tool !== "brush") paint(surface.preview(stroke)); // a brush line is on the surface already
      if (!surface.isTouched) return undefined; // all of it lies outside the frame
      add(drawing, stroke);
      surface.settle(drawing);
      return emit("changed", "added", stroke);
    },
    cancel() {
      if (isShifting) return unshift();
      paint(surface.restore());
    },
    /** Add a finished stroke. @param {Stroke} stroke */
    add(stroke) {
      emit("interrupt");
      add(drawing, stroke);
      show(stroke);
      emit("changed", "added", stroke);
    },
    undo() {
      emit("interrupt");
      const stroke = undo(drawing);
      if (!stroke) return;
      replay();
      emit("changed", "undone", stroke);
    },
    redo() {
      emit("interrupt");
      const stroke = redo(drawing);
      if (!stroke) return;
      show(stroke);
      emit("changed", "redone", stroke);
    },
  };
}
