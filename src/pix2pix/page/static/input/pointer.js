/** Mouse, pen and touch. One finger draws; two move and zoom the view. */

/**
 * @typedef {import("./stroke-input.js").StrokeInput} StrokeInput
 * @typedef {import("../view/view.js").View} View
 */

const WHEEL_SPEED = 0.0022;
// A finger covers the corner that it means to meet.
const [REACH_PX, FINGER_PX] = [9, 20];
const CONTROLS = "button, output, .toolbar, .more, [aria-labelledby='result-title']";

/**
 * @param {HTMLElement} stage
 * @param {HTMLElement} target  the canvas of the drawing
 * @param {HTMLElement} around  where strokes may begin outside the frame
 * @param {StrokeInput} strokeInput
 * @param {View} view
 * @param {(event: PointerEvent|null) => void} onHover  null when the pointer leaves
 */
export function followPointers(stage, target, around, strokeInput, view, onHover) {
  /** @type {Map<number, PointerEvent>} */
  const fingers = new Map();
  let panning = false;

  /** @param {PointerEvent} event  @returns {import("../paint/tools.js").Touch} */
  const touch = (event) => {
    const reach = (event.pointerType === "touch" ? FINGER_PX : REACH_PX) / view.scale();
    const point = { ...view.toDrawing(event), reach };
    return event.pointerType === "pen" ? { ...point, pressure: event.pressure } : point;
  };

  /** Begin a stroke next to the frame: the mouse anywhere on empty ground, fingers in a narrow ring. @param {PointerEvent} event */
  function downOutside(event) {
    const place = /** @type {Element} */ (event.target);
    const isFinger = event.pointerType === "touch";
    if (stage.contains(place) || place.closest(CONTROLS) || (isFinger && !place.matches(".frame"))) return;
    if (strokeInput.crossesFrame || isWithin(stage, event)) down(event);
  }

  /** @param {PointerEvent} event */
  function down(event) {
    if (/** @type {Element} */ (event.target).closest("button")) return; // of an empty frame
    if (event.button > 1 || (event.pointerType !== "touch" && fingers.size)) return;
    stage.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, event);
    target.focus({ preventScroll: true });
    if (event.button === 1) event.preventDefault(); // no scrolling by the middle button
    if (fingers.size > 1) return strokeInput.cancel();
    panning = event.button === 1 || strokeInput.tool === "move";
    if (panning) return undefined;
    setHeld(strokeInput, event);
    return strokeInput.down(touch(event));
  }

  /** @param {PointerEvent} event */
  function move(event) {
    onHover(event);
    setHeld(strokeInput, event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (strokeInput.isDrawing) strokeInput.move([touch(event)]); // between two corners of a polygon
      return;
    }
    if (fingers.size === 2) pinch(event);
    else if (panning) view.pan(event.clientX - before.clientX, event.clientY - before.clientY);
    else if (fingers.size === 1) strokeInput.move((coalesced(event)).map(touch));
    fingers.set(event.pointerId, event);
  }

  /** @param {PointerEvent} event */
  function pinch(event) {
    const [a, b] = [...fingers.values()];
    const [moved, other] = a.pointerId === event.pointerId ? [a, b] : [b, a];
    const apart = (/** @type {PointerEvent} */ p) => Math.hypot(p.clientX - other.clientX, p.clientY - other.clientY);
    const corner = stage.getBoundingClientRect();
    view.pan((event.clientX - moved.clientX) / 2, (event.clientY - moved.clientY) / 2);
    const [x, y] = [(event.clientX + other.clientX) / 2 - corner.left, (event.clientY + other.clientY) / 2 - corner.top];
    view.zoomAt(apart(event) / Math.max(1, apart(moved)), x, y);
  }

  /** @param {PointerEvent} event */
  function up(event) {
    const last = fingers.size === 1;
    if (!fingers.delete(event.pointerId)) return;
    if (event.type === "pointercancel") strokeInput.cancel();
    else if (last && !panning) strokeInput.up();
  }

  stage.addEventListener("pointerdown", down);
  around.addEventListener("pointerdown", downOutside);
  around.addEventListener("mousedown", (event) => fingers.size && event.preventDefault()); // selects no text
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => onHover(null));
  stage.addEventListener("dblclick", () => strokeInput.close());
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  followWheel(stage, view);
}

/**
 * Zoom by Ctrl and the wheel (so does a pinch on a touchpad); the wheel alone pans a zoomed view, else
 * it scrolls the page.
 * @param {HTMLElement} stage
 * @param {View} view
 */
export function followWheel(stage, view) {
  const wheel = (/** @type {WheelEvent} */ event) => {
    const corner = stage.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      view.zoomAt(Math.exp(-event.deltaY * WHEEL_SPEED * (event.deltaMode ? 16 : 1)), event.clientX - corner.left, event.clientY - corner.top);
    } else if (view.zoom > 1) {
      event.preventDefault();
      view.pan(-event.deltaX, -event.deltaY);
    }
  };
  stage.addEventListener("wheel", wheel, { passive: false });
}

/** Return whether a point lies in the square, as its round corners do. @param {HTMLElement} stage  @param {PointerEvent} event */
function isWithin(stage, { clientX, clientY }) {
  const { left, right, top, bottom } = stage.getBoundingClientRect();
  return clientX >= left && clientX < right && clientY >= top && clientY < bottom;
}

/** @param {StrokeInput} strokeInput  @param {PointerEvent} event */
function setHeld(strokeInput, event) {
  strokeInput.held.straight = event.shiftKey;
  strokeInput.held.pick = event.altKey;
}

/** Return all events since the last frame, for smooth lines. @param {PointerEvent} event */
function coalesced(event) {
  const events = event.getCoalescedEvents?.() ?? [];
  return events.length ? events : [event];
}
