/** Outlines over the drawing: the brush, the keyboard's cursor, the corner that closes a polygon. */

const CORNER_PX = 7;
const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {SVGElement} overlay
 * @param {import("./view.js").View} view
 * @param {() => import("../types.js").Point|null} closing  the corner that closes a polygon
 */
export function createOverlay(overlay, view, closing) {
  /** @type {{x: number, y: number, px: number|null, cross: boolean}|null} */
  let shown = null;
  const shapes = addPaths(overlay, ["dark", "light"]);

  function draw() {
    const corner = closing();
    const d = (shown ? outline(shown) : "") + (corner ? circle(view.toStage(corner), CORNER_PX) : "");
    for (const shape of shapes) shape.setAttribute("d", d);
  }

  /** @param {{x: number, y: number, px: number|null, cross: boolean}} cursor */
  function outline({ x, y, px, cross }) {
    const at = view.toStage({ x, y });
    const radius = ((px ?? 0) * view.scale()) / 2;
    const brush = radius > 2 ? circle(at, radius) : "";
    const [from, to] = [4, 13];
    const lines = `M${at.x - to} ${at.y}h${to - from}m${2 * from} 0h${to - from}M${at.x} ${at.y - to}v${to - from}m0 ${2 * from}v${to - from}`;
    return cross ? brush + lines : brush;
  }

  view.on("moved", draw);

  return {
    /** @param {import("../types.js").Point|null} point  @param {number|null} px  width of the brush  @param {boolean} cross */
    show(point, px = null, cross = false) {
      shown = point && { ...point, px, cross };
      draw();
    },
    draw,
  };
}

/** @param {import("../types.js").Point} middle  @param {number} radius */
const circle = ({ x, y }, radius) =>
  `M${x - radius} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0`;

/**
 * Adds an empty path of each class.
 * @param {SVGElement} overlay
 * @param {string[]} names
 */
export function addPaths(overlay, names) {
  return names.map((name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    overlay.append(path);
    return path;
  });
}
