/**
 * On a phone, what a visitor needs most lies in the dock; elsewhere each button has its own place.
 * Notices lie where they cover neither the result nor a button: below the result's first buttons, on a
 * phone above the drawing.
 */

import { byId } from "./dom.js";

const BUTTONS = ["example", "another", "four", "save-picture"];

export function createReach() {
  const narrow = matchMedia("(max-width: 43.99rem)");
  const homes = new Map([...BUTTONS, "strip"].map((id) => [id, document.createComment(id)]));
  for (const [id, home] of homes) byId(id).before(home);

  function place() {
    byId("reach").hidden = !narrow.matches;
    const isInert = byId("editor").inert; // what lies in it cannot be closed
    if (!isInert && narrow.matches) byId("drawing-panel").append(byId("notices"));
    else if (!isInert) byId("result-buttons").after(byId("notices"));
    for (const [id, home] of homes) home.after(byId(id));
    if (!narrow.matches) return;
    byId("reach").append(...BUTTONS.map(byId));
    byId("result-stage").after(byId("strip"));
  }

  narrow.addEventListener("change", place);
  place();
  return { place };
}
