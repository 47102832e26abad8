/** The states that a drawing went through, for a time-lapse. */

/**
 * @typedef {import("../types.js").Drawing} Drawing
 * @typedef {import("../types.js").Stroke} Stroke
 */

const POINTS = 40; // of a long line between two states

/**
 * Return the drawing as it was after each stroke, long lines in several steps; `most` states evenly chosen,
 * the last among them.
 * @param {Drawing} drawing
 * @param {number} most
 * @returns {Drawing[]}
 */
export function statesOf(drawing, most) {
  /** @type {[number, Stroke][]}  how many strokes before, and the stroke as far as it had come */
  const steps = drawing.strokes.flatMap((stroke, i) => partsOf(stroke).map((part) => /** @type {[number, Stroke]} */ ([i, part])));
  const count = Math.min(most, steps.length);
  return Array.from({ length: count }, (_, i) => {
    const [before, stroke] = steps[Math.ceil(((i + 1) * steps.length) / count) - 1];
    return { ...drawing, strokes: [...drawing.strokes.slice(0, before), stroke], undone: [] };
  });
}

/** @param {Stroke} stroke  @returns {Stroke[]} */
function partsOf(stroke) {
  if (stroke.tool !== "brush") return [stroke];
  const ends = [];
  for (let end = 2 * POINTS; end < stroke.points.length; end += 2 * POINTS) ends.push(end);
  return [...ends.map((end) => ({ ...stroke, points: stroke.points.slice(0, end), ...pressureOf(stroke, end / 2) })), stroke];
}

/** @param {import("../types.js").BrushStroke} stroke  @param {number} count */
const pressureOf = ({ pressure }, count) => (pressure ? { pressure: pressure.slice(0, count) } : {});
