/** What helps to draw: a grid to snap to, mirror symmetry, stamps, and shapes that are moved and copied. */

import { flatten } from "../paint/drawing.js";
import { boundsOf, contains, isShape, shifted, withMirror } from "../paint/shapes.js";

/**
 * @typedef {import("../types.js").Point} Point
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("../paint/tools.js").Step} Step
 * @typedef {import("../paint/tools.js").ToolName} ToolName
 * @typedef {ReturnType<typeof createAids>} Aids
 */

/** @type {ToolName[]} */
const SNAPPED = ["rectangle", "polygon", "stamp"];
const NEAR_PX = 2; // thin lines are hard to meet
const COPY_SHARE = 1 / 16; // of the drawing: a copy lies next to its original

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../paint/choice.js").Choice} choice
 * @param {() => void} onSelected  another shape is selected, or none
 */
export function createAids(editor, choice, onSelected) {
  let selected = -1; // of the visible strokes
  /** @type {[number, number]} */
  let by = [0, 0]; // how far the selected shape is dragged

  /** @param {number} index */
  function select(index) {
    [selected, by] = [index, [0, 0]];
    onSelected();
  }

  const visible = () => flatten(editor.drawing);
  const round = (/** @type {number} */ value) => Math.round(value / choice.now.grid) * choice.now.grid;
  const nearest = (/** @type {number} */ value) => (choice.now.grid ? round(value) : Math.round(value));

  /** @param {number} index  @param {"move"|"copy"|"remove"} how @returns {import("../types.js").ShapeStroke} */
  const shapeStroke = (index, how) => ({ tool: "shape", how, at: index, by });

  /** Start to drag the topmost shape at a point; null if there is none. @param {Point} start */
  function drag(start) {
    const { placed, width, height } = visible();
    const meets = ({ stroke, width: wide, height: high }) =>
      isShape(stroke) && contains(stroke, (start.x * wide) / width, (start.y * high) / height, NEAR_PX);
    select(placed.findLastIndex(meets));
    if (selected < 0) return null;
    /** @returns {Step} */
    const step = (/** @type {Step["kind"]} */ kind) => ({ kind, stroke: shapeStroke(selected, "move") });
    return {
      first: () => step("preview"),
      /** @param {Point[]} touches @returns {Step} */
      move(touches) {
        const end = touches[touches.length - 1];
        by = [nearest(end.x - start.x), nearest(end.y - start.y)];
        onSelected();
        return step("preview");
      },
      /** @returns {Step|null} */
      end: () => (by[0] || by[1] ? step("commit") : null),
      tap: () => null,
      closing: null,
    };
  }

  editor.on("opened", () => select(-1));
  editor.on("changed", (how, stroke) => {
    if (stroke.tool !== "shape" || how !== "added") select(-1);
    else select(stroke.how === "remove" ? -1 : stroke.how === "copy" ? visible().placed.length - 1 : stroke.at);
  });
  choice.on("chosen", () => choice.now.tool !== "select" && selected >= 0 && select(-1));

  return {
    drag,
    /** Return the point, or the nearest of the grid for tools that snap. @template {Point} T  @param {T} point  @param {ToolName} tool  @returns {T} */
    snapped: (point, tool) =>
      choice.now.grid && SNAPPED.includes(tool) ? { ...point, x: round(point.x), y: round(point.y) } : point,
    /** Return the step with its mirror image, if symmetry is on. @param {Step} step  @returns {Step} */
    doubled: (step) =>
      choice.now.mirror && step.stroke.tool !== "shape" ? { ...step, stroke: withMirror(step.stroke, editor.size.width) } : step,
    /** Return the chosen stamp with its middle at a point; it has the size that it has in training. @param {Point} point  @returns {Stroke} */
    stampAt({ x, y }) {
      const [height, width] = editor.card.size_px;
      const scale = Math.min(editor.size.width / width, editor.size.height / height);
      const parts = choice.now.stamp?.parts ?? [];
      /** @type {import("../types.js").RectangleStroke[]} */
      const strokes = parts.map(({ colour, box }) => {
        const [left, top, right, bottom] = [box[0], box[1], box[0] + box[2], box[1] + box[3]].map((v) => Math.round(v * scale));
        return { tool: "rectangle", colour, box: [left, top, Math.max(1, right - left), Math.max(1, bottom - top)] };
      });
      return shifted({ tool: "group", strokes }, Math.round(x), Math.round(y));
    },
    get hasSelected() {
      return selected >= 0;
    },
    /** The bounds of the selected shape, in pixels of the drawing. @returns {import("../types.js").Box|null} */
    get selection() {
      if (selected < 0) return null;
      const { placed, width, height } = visible();
      const box = placed[selected] && boundsOf(placed[selected].stroke);
      if (!box) return null;
      const [fx, fy] = [width / placed[selected].width, height / placed[selected].height];
      return { left: box.left * fx + by[0], right: box.right * fx + by[0], top: box.top * fy + by[1], bottom: box.bottom * fy + by[1] };
    },
    /** Copy the selected shape, next to it. */
    copy() {
      if (selected < 0) return;
      const away = nearest(Math.max(choice.now.grid, editor.size.width * COPY_SHARE));
      editor.add({ ...shapeStroke(selected, "copy"), by: [away, away] });
    },
    remove() {
      if (selected >= 0) editor.add(shapeStroke(selected, "remove"));
    },
  };
}
