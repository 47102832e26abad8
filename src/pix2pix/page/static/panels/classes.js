/** On a phone the classes are one row: a button shows all of them above the dock. */

import { byId } from "./dom.js";

export function createClasses() {
  const [palette, swatches, toggle] = [byId("palette"), byId("swatches"), byId("all-classes")];

  /** @param {boolean} isOpen */
  function show(isOpen) {
    palette.classList.toggle("open", isOpen);
    toggle.ariaExpanded = String(isOpen);
    fit();
  }

  /** Offer the button where the row is longer than its place, and keep it while all are shown. */
  function fit() {
    if (toggle.ariaExpanded === "true") return;
    const gap = parseFloat(getComputedStyle(toggle.parentElement).columnGap) || 0;
    const place = swatches.clientWidth + (toggle.hidden ? 0 : toggle.offsetWidth + gap);
    toggle.hidden = palette.hidden || swatches.scrollWidth <= place;
  }

  toggle.addEventListener("click", () => {
    show(toggle.ariaExpanded === "false");
    if (palette.classList.contains("open")) swatches.querySelector(":checked")?.focus();
  });
  palette.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape" || !palette.classList.contains("open")) return;
    event.stopPropagation();
    show(false);
    toggle.focus();
  });
  new ResizeObserver(fit).observe(swatches);

  return {
    fit,
    /** Close after a press; arrow keys only move on. @param {MouseEvent} event */
    chosen: (event) => event.detail > 0 && show(false),
  };
}
