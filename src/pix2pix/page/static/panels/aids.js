/** The row of drawing aids: mirror symmetry, the grid, stamps, and what can be done to a selected shape. */

import { TOOLS } from "../paint/choice.js";
import { className, t } from "../words/texts.js";
import { byId, make } from "./dom.js";

const GRIDS = [0, 2, 4, 8, 16, 32];
const STAMP_PX = 96; // of a stamp's picture, twice the size on the screen

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../paint/choice.js").Choice} choice
 * @param {import("../input/aids.js").Aids} aids
 */
export function createAidsRow(editor, choice, aids) {
  const [mirror, grid, stamps] = [byId("mirror"), byId("grid"), byId("stamps")];
  mirror.onchange = () => choice.set({ mirror: mirror.checked });
  grid.onchange = () => choice.set({ grid: Number(grid.value) });
  byId("copy-shape").onclick = aids.copy;
  byId("remove-shape").onclick = aids.remove;

  function build() {
    const { kind, stamps: all = [] } = editor.card;
    byId("aids").hidden = !TOOLS[kind].includes("select");
    byId("grid-field").hidden = kind !== "labels";
    grid.replaceChildren(...GRIDS.map((px) => new Option(px ? t("grid_px", { px }) : t("grid_off"), String(px))));
    byId("stamps-part").hidden = all.length === 0;
    stamps.replaceChildren(...all.map(button));
    follow();
  }

  /** @param {import("../types.js").Stamp} stamp */
  function button(stamp) {
    const name = stamp.name.split(" + ").map(className).join(" + ");
    const press = make("button", { type: "button", title: name, ariaLabel: t("stamp_named", { name }) }, pictureOf(stamp), make("span", { textContent: name }));
    press.onclick = () => {
      const isChosen = choice.now.tool === "stamp" && choice.now.stamp === stamp;
      choice.set(isChosen ? { tool: TOOLS[editor.card.kind][0] } : { tool: "stamp", stamp });
    };
    return press;
  }

  /** @param {import("../types.js").Stamp} stamp */
  function pictureOf({ parts }) {
    const canvas = make("canvas", { width: STAMP_PX, height: STAMP_PX });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const [left, top] = [0, 1].map((at) => Math.min(...parts.map(({ box }) => box[at])));
    const [right, bottom] = [0, 1].map((at) => Math.max(...parts.map(({ box }) => box[at] + box[at + 2])));
    const scale = (0.8 * STAMP_PX) / Math.max(right - left, bottom - top);
    context.fillStyle = editor.card.palette[editor.card.ground]?.colour ?? "#ffffff";
    context.fillRect(0, 0, STAMP_PX, STAMP_PX);
    context.translate(STAMP_PX / 2 - ((left + right) / 2) * scale, STAMP_PX / 2 - ((top + bottom) / 2) * scale);
    for (const { colour, box } of parts) {
      context.fillStyle = colour;
      context.fillRect(...box.map((value) => value * scale));
    }
    return canvas;
  }

  function follow() {
    const { tool, stamp } = choice.now;
    mirror.checked = choice.now.mirror;
    grid.value = String(choice.now.grid);
    for (const [i, press] of [...stamps.children].entries()) {
      press.ariaPressed = String(tool === "stamp" && editor.card.stamps?.[i] === stamp);
    }
    showSelected();
  }

  function showSelected() {
    byId("shape-buttons").hidden = choice.now.tool !== "select";
    for (const id of ["copy-shape", "remove-shape"]) byId(id).disabled = !aids.hasSelected;
  }

  editor.on("opened", build);
  choice.on("chosen", follow);
  return { build, showSelected };
}
