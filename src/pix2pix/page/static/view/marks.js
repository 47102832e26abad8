/** Lines over the drawing that are no part of it: the grid, the axis of symmetry, the selected shape. */

import { addPaths } from "./overlay.js";

const CLOSE_PX = 5; // on the screen: a closer grid would hide the drawing

/**
 * @param {SVGElement} overlay
 * @param {import("./view.js").View} view
 * @param {() => {width: number, height: number, grid: number, mirror: boolean, box: import("../types.js").Box|null}|undefined} state
 */
export function createMarks(overlay, view, state) {
  const [grid, axis, selected] = addPaths(overlay, ["grid", "axis", "selected"]);

  function draw() {
    const now = state();
    if (!now) return; // no drawing is open yet
    const { width, height, grid: px, mirror, box } = now;
    const line = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ toX, /** @type {number} */ toY) => {
      const [from, to] = [view.toStage({ x, y }), view.toStage({ x: toX, y: toY })];
      return `M${from.x} ${from.y}L${to.x} ${to.y}`;
    };
    const isShown = px > 0 && px * view.scale() >= CLOSE_PX;
    const steps = (/** @type {number} */ length) => (isShown ? Array.from({ length: Math.ceil(length / px) - 1 }, (_, i) => (i + 1) * px) : []);
    const lines = [...steps(width).map((x) => line(x, 0, x, height)), ...steps(height).map((y) => line(0, y, width, y))];
    grid.setAttribute("d", lines.join(""));
    axis.setAttribute("d", mirror ? line(width / 2, 0, width / 2, height) : "");
    selected.setAttribute("d", box ? outline(box) : "");
  }

  /** @param {import("../types.js").Box} box */
  function outline({ left, top, right, bottom }) {
    const [from, to] = [view.toStage({ x: left, y: top }), view.toStage({ x: right, y: bottom })];
    return `M${from.x} ${from.y}H${to.x}V${to.y}H${from.x}Z`;
  }

  view.on("moved", draw);
  return { draw };
}
