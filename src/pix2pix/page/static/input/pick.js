/** Take a class from the drawing: the pick gives back the tool that was used before it. */

import { announce } from "../panels/notices.js";
import { t } from "../words/texts.js";

/**
 * @param {import("../paint/choice.js").Choice} choice
 * @param {(colour: string) => string} nameOf
 * @returns {(colour: string) => void}
 */
export function createPick(choice, nameOf) {
  let before = choice.now.tool;
  choice.on("chosen", () => {
    if (choice.now.tool !== "pick") before = choice.now.tool;
  });
  return (colour) => {
    choice.set({ tool: before, colour });
    announce(t("announce_picked", { colour: nameOf(colour) }));
  };
}
