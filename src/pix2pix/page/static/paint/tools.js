/**
 * Strokes from touches, one function a tool: tools know points, no events and no canvas.
 */

/**
 * @typedef {import("../types.js").Point & {pressure?: number, reach?: number}} Touch
 *   reach: how far from a corner, in pixels of the drawing, a tap still meets it
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {"brush"|"eraser"|"rectangle"|"polygon"|"fill"|"pick"|"move"|"select"|"stamp"} ToolName
 *
 * @typedef {object} Settings
 * @property {string|null} colour
 * @property {number} px  of the brush
 * @property {boolean} straight  Shift is held: straight lines, squares
 *
 * @typedef {object} Step  what to do with the stroke
 * @property {"preview"|"extend"|"commit"} kind
 * @property {Stroke} stroke
 * @property {number} [from]  extend: the first new point
 */

// Points nearer than this are trembling: they would only add bytes.
const NEAR_PX = 0.7;

/**
 * Start a stroke of a tool, from the first touch to the last.
 * @param {ToolName} name
 * @param {Touch} start
 * @param {Settings} settings
 */
export function startStroke(name, start, settings) {
  if (name === "rectangle") return startRectangle(start, settings);
  if (name === "polygon") return startPolygon(start, settings);
  return startLine(start, { ...settings, colour: name === "eraser" ? null : settings.colour });
}

/**
 * @param {Touch} start
 * @param {Settings} settings
 */
function startLine(start, { colour, px }) {
  /** @type {import("../types.js").BrushStroke} */
  const stroke = { tool: "brush", colour, px, points: [tenth(start.x), tenth(start.y)] };
  if (start.pressure !== undefined) stroke.pressure = [hundredth(start.pressure)];
  let straight = false;
  const restart = () => ({ ...stroke, points: stroke.points.slice(0, 2), pressure: stroke.pressure?.slice(0, 1) });

  return {
    /** @returns {Step} */
    first: () => ({ kind: "extend", stroke, from: 0 }),
    /** @param {Touch[]} touches  @param {Settings} now  @returns {Step|null} */
    move(touches, now) {
      const end = touches[touches.length - 1];
      if (now.straight || straight) {
        straight = true;
        const line = restart();
        push(line, end, 0);
        Object.assign(stroke, line);
        return { kind: "preview", stroke };
      }
      const from = stroke.points.length / 2;
      for (const touch of touches) push(stroke, touch, NEAR_PX);
      return stroke.points.length / 2 > from ? { kind: "extend", stroke, from } : null;
    },
    /** @returns {Step} */
    end: () => ({ kind: "commit", stroke: compact(stroke) }),
    closing: null,
    /** @param {Touch} _touch  @returns {Step|null} */
    tap: (_touch) => null,
  };
}

/**
 * @param {Touch} start
 * @param {Settings} settings
 */
function startRectangle(start, { colour }) {
  let end = start;
  /** @param {boolean} square  @returns {import("../types.js").RectangleStroke} */
  const stroke = (square) => {
    let [dx, dy] = [end.x - start.x, end.y - start.y];
    if (square) {
      const side = Math.max(Math.abs(dx), Math.abs(dy));
      [dx, dy] = [Math.sign(dx) * side, Math.sign(dy) * side];
    }
    const [left, top] = [Math.round(Math.min(start.x, start.x + dx)), Math.round(Math.min(start.y, start.y + dy))];
    const [right, bottom] = [Math.round(Math.max(start.x, start.x + dx)), Math.round(Math.max(start.y, start.y + dy))];
    return { tool: "rectangle", colour, box: [left, top, Math.max(1, right - left), Math.max(1, bottom - top)] };
  };
  let last = stroke(false);

  return {
    /** @returns {Step} */
    first: () => ({ kind: "preview", stroke: last }),
    /** @param {Touch[]} touches  @param {Settings} now  @returns {Step} */
    move(touches, { straight }) {
      end = touches[touches.length - 1];
      last = stroke(straight);
      return { kind: "preview", stroke: last };
    },
    /** @returns {Step} */
    end: () => ({ kind: "commit", stroke: last }),
    closing: null,
    /** @param {Touch} _touch  @returns {Step|null} */
    tap: (_touch) => null,
  };
}

/**
 * Every tap adds a corner; one on the first corner closes, as `end` does.
 * @param {Touch} start
 * @param {Settings} settings
 */
function startPolygon(start, { colour }) {
  const corners = [tenth(start.x), tenth(start.y)];
  /** @param {number[]} points  @returns {import("../types.js").PolygonStroke} */
  const stroke = (points) => ({ tool: "polygon", colour, points });

  return {
    /** @returns {Step} */
    first: () => ({ kind: "preview", stroke: stroke(corners) }),
    /** @param {Touch[]} touches  @param {Settings} _now  @returns {Step} */
    move(touches, _now) {
      const { x, y } = touches[touches.length - 1];
      return { kind: "preview", stroke: stroke([...corners, tenth(x), tenth(y)]) };
    },
    /** @returns {Step|null}  null: two corners are no area */
    end: () => (corners.length < 6 ? null : { kind: "commit", stroke: stroke([...corners]) }),
    /** The corner that closes the polygon, once it has an area. */
    get closing() {
      return corners.length < 6 ? null : { x: corners[0], y: corners[1] };
    },
    /** @param {Touch} touch  @returns {Step|null} */
    tap(touch) {
      const [x, y] = [tenth(touch.x), tenth(touch.y)];
      const isFirst = Math.hypot(x - corners[0], y - corners[1]) <= (touch.reach ?? 0);
      if (this.closing && isFirst) return this.end();
      if (x !== corners.at(-2) || y !== corners.at(-1)) corners.push(x, y);
      return { kind: "preview", stroke: stroke([...corners]) };
    },
  };
}

/** @typedef {ReturnType<typeof startStroke>} ActiveStroke */

/**
 * @param {import("../types.js").BrushStroke} stroke
 * @param {Touch} touch
 * @param {number} near
 */
function push(stroke, touch, near) {
  const { points, pressure } = stroke;
  const n = points.length;
  if (Math.hypot(touch.x - points[n - 2], touch.y - points[n - 1]) < near) return;
  points.push(tenth(touch.x), tenth(touch.y));
  pressure?.push(hundredth(touch.pressure ?? 1));
}

/**
 * Drop an undefined `pressure`: JSON has no undefined.
 * @param {import("../types.js").BrushStroke} stroke
 * @returns {import("../types.js").BrushStroke}
 */
function compact({ pressure, ...stroke }) {
  return pressure ? { ...stroke, pressure } : stroke;
}

/** @param {number} value */
const tenth = (value) => Math.round(value * 10) / 10;
/** @param {number} value */
const hundredth = (value) => Math.round(value * 100) / 100;
