/**
 * Zoom and pan, the same for drawing and result. The sheet has one CSS pixel for each pixel of the
 * picture, and a transform brings it to the screen.
 */

import { createEmitter } from "../paint/emitter.js";

/** @typedef {ReturnType<typeof createView>} View */

const MOST = 32;
const STEP = 1.25;

/**
 * @param {HTMLElement} stage  the square
 * @param {HTMLElement} root  gets the transform as --view and the picture's size as --w and --h
 */
export function createView(stage, root) {
  const { on, emit } = createEmitter();
  const size = { width: 1, height: 1 };
  // The point of the picture in the middle of the square, as parts of the picture.
  let [zoom, middleX, middleY] = [1, 0.5, 0.5];

  const side = () => stage.clientWidth;
  const scale = () => (zoom * side()) / Math.max(size.width, size.height);
  const left = () => side() / 2 - middleX * size.width * scale();
  const top = () => side() / 2 - middleY * size.height * scale();

  function show() {
    const reach = 0.5 / zoom; // half of the visible part: the picture's edge stays outside of it
    const bounded = (/** @type {number} */ middle, /** @type {number} */ share) =>
      share * zoom <= 1 ? 0.5 : Math.max(reach / share, Math.min(1 - reach / share, middle));
    const longest = Math.max(size.width, size.height);
    middleX = bounded(middleX, size.width / longest);
    middleY = bounded(middleY, size.height / longest);
    root.style.setProperty("--view", `translate(${left()}px, ${top()}px) scale(${scale()})`);
    emit("moved");
  }

  /**
   * Zoom so that a point of the square stays where it is.
   * @param {number} factor  @param {number} [x]  @param {number} [y]
   */
  function zoomAt(factor, x = side() / 2, y = side() / 2) {
    const before = scale();
    zoom = Math.max(1, Math.min(MOST, zoom * factor));
    const grown = 1 / before - 1 / scale();
    middleX += ((x - side() / 2) * grown) / size.width;
    middleY += ((y - side() / 2) * grown) / size.height;
    show();
  }

  new ResizeObserver(show).observe(stage);

  return {
    on,
    get zoom() {
      return zoom;
    },
    scale,
    /** @param {number} width  @param {number} height */
    resize(width, height) {
      if (size.width === width && size.height === height) return;
      Object.assign(size, { width, height });
      root.style.setProperty("--w", `${width}px`);
      root.style.setProperty("--h", `${height}px`);
      this.fit();
    },
    fit() {
      [zoom, middleX, middleY] = [1, 0.5, 0.5];
      show();
    },
    zoomAt,
    zoomIn: () => zoomAt(STEP),
    zoomOut: () => zoomAt(1 / STEP),
    /** @param {number} dx  @param {number} dy  in pixels of the screen */
    pan(dx, dy) {
      middleX -= dx / (scale() * size.width);
      middleY -= dy / (scale() * size.height);
      show();
    },
    /** Return a point of the window in pixels of the drawing. @param {{clientX: number, clientY: number}} event */
    toDrawing({ clientX, clientY }) {
      const corner = stage.getBoundingClientRect();
      return { x: (clientX - corner.left - left()) / scale(), y: (clientY - corner.top - top()) / scale() };
    },
    /** Return a point of the drawing in pixels of the square. @param {import("../types.js").Point} point */
    toStage: ({ x, y }) => ({ x: left() + x * scale(), y: top() + y * scale() }),
  };
}
