/** What happened, in words. */

import { t } from "./words.js";

/**
 * @param {import("./types.js").Stroke} stroke
 * @param {(colour: string) => string} nameOf
 */
export function describe(stroke, nameOf) {
  if ("colour" in stroke && stroke.colour === null) return t("said_eraser");
  const colour = "colour" in stroke ? nameOf(/** @type {string} */ (stroke.colour)) : "";
  switch (stroke.tool) {
    case "rectangle":
      return t("said_rectangle", { colour, width: stroke.box[2], height: stroke.box[3] });
    case "brush":
      return t("said_brush", { colour, px: stroke.px });
    case "polygon":
      return t("said_polygon", { colour, corners: stroke.points.length / 2 });
    case "size":
      return t("said_size", { width: stroke.width, height: stroke.height });
    case "fill":
      return t("said_fill", { colour });
    default:
      return t(`said_${stroke.tool}`);
  }
}
