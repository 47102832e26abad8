/** Outlines over the drawing: the circle of the brush, the cross of the keyboard's cursor. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {SVGElement} overlay
 * @param {import("./view.js").View} view
 */
export function createOverlay(overlay, view) {
  /** @type {{x: number, y: number, px: number|null, cross: boolean}|null} */
  let shown = null;
  const shapes = ["dark", "light"].map((name) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    overlay.append(path);
    return path;
  });

  function draw() {
    const d = shown ? outline(shown) : "";
    for (const shape of shapes) shape.setAttribute("d", d);
  }

  /** @param {{x: number, y: number, px: number|null, cross: boolean}} cursor */
  function outline({ x, y, px, cross }) {
    const at = view.toStage({ x, y });
    const radius = ((px ?? 0) * view.scale()) / 2;
    const circle = radius > 2 ? `M${at.x - radius} ${at.y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0` : "";
    const [from, to] = [4, 13];
    const lines = `M${at.x - to} ${at.y}h${to - from}m${2 * from} 0h${to - from}M${at.x} ${at.y - to}v${to - from}m0 ${2 * from}v${to - from}`;
    return cross ? circle + lines : circle;
  }

  view.on("moved", draw);

  return {
    /** @param {import("../types.js").Point|null} point  @param {number|null} px  width of the brush  @param {boolean} cross */
    show(point, px = null, cross = false) {
      shown = point && { ...point, px, cross };
      draw();
    },
  };
}
