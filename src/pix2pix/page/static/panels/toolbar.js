/** The toolbar: tools, brush width, and the palette of named colours. */

import { TOOLS, WIDEST_PX } from "../paint/choice.js";
import { isLight } from "../paint/colours.js";
import { className, t } from "../words/texts.js";
import { createClasses } from "./classes.js";
import { byId, icon, make } from "./dom.js";

/**
 * @typedef {import("../paint/choice.js").Choice} Choice
 * @typedef {import("../paint/tools.js").ToolName} ToolName
 * @typedef {import("../types.js").Card} Card
 */

// Digits choose the first ten classes; a palette of so many or more can be searched.
const [DIGITS, SEARCHED] = ["1234567890", 16];

/** @type {Record<ToolName, string>} */
export const LETTERS = { rectangle: "R", brush: "B", eraser: "E", polygon: "P", fill: "F", pick: "I", select: "A", stamp: "", move: "H" };

/** Return the tool's name for a kind of model: the brush is a pen for sketches. @param {ToolName} tool  @param {string} kind */
export function nameOf(tool, kind) {
  if (tool !== "brush") return tool;
  return kind === "sketch" ? "pen" : kind === "mask" ? "hole" : "brush";
}

/** Return whether the tool has a width. @param {ToolName} tool */
export const hasWidth = (tool) => tool === "brush" || tool === "eraser";

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {Choice} choice
 */
export function createToolbar(editor, choice) {
  const [px, search] = [byId("px"), byId("palette-search")];
  px.max = WIDEST_PX;
  px.addEventListener("input", () => choice.set({ px: Number(px.value) }));
  search.addEventListener("input", () => showSwatches(search.value));
  const classes = createClasses();

  function build() {
    const { kind, palette } = editor.card;
    byId("tools").hidden = TOOLS[kind].length === 0;
    byId("tools").replaceChildren(...TOOLS[kind].map((tool) => toolButton(tool, kind)));
    byId("palette").hidden = kind !== "labels";
    byId("get-picture").hidden = kind !== "photograph" && kind !== "mask";
    search.hidden = palette.length < SEARCHED;
    Object.assign(search, { placeholder: t("search"), ariaLabel: t("search"), value: "" });
    showSwatches("");
    follow();
  }

  /** @param {ToolName} tool  @param {string} kind */
  function toolButton(tool, kind) {
    const name = t(nameOf(tool, kind));
    const input = make("input", { type: "radio", name: "tool", value: tool, ariaLabel: name, ariaKeyShortcuts: LETTERS[tool], onchange: () => choice.set({ tool }) });
    const face = make("span", {}, icon(nameOf(tool, kind) === "hole" ? "brush" : nameOf(tool, kind)), make("b", { textContent: name }));
    return make("label", { className: "tool", title: `${name} (${LETTERS[tool]})` }, input, face);
  }

  /** @param {string} query */
  function showSwatches(query) {
    const { kind, palette } = editor.card;
    const words = query.trim().toLowerCase();
    const shown = kind === "labels" ? palette.filter(({ name }) => `${name} ${className(name)}`.toLowerCase().includes(words)) : [];
    const rows = shown.map((swatch) => swatchButton(swatch, DIGITS[palette.indexOf(swatch)] ?? ""));
    byId("swatches").replaceChildren(...(rows.length || kind !== "labels" ? rows : [make("p", { textContent: t("no_class") })]));
    follow();
    classes.fit();
  }

  /** @param {import("../types.js").Swatch} swatch  @param {string} digit */
  function swatchButton({ name, colour }, digit) {
    const input = make("input", { type: "radio", name: "colour", value: colour, ariaKeyShortcuts: digit || null, onchange: () => choice.set({ colour }), onclick: classes.chosen });
    const chip = make("span", { className: isLight(colour) ? "chip pale" : "chip" }, icon("check"));
    chip.style.setProperty("--colour", colour);
    return make("label", { className: "swatch" }, input, chip, make("span", { textContent: className(name) }), make("kbd", { textContent: digit }));
  }

  function follow() {
    const { tool, colour, px: width } = choice.now;
    check("tools", tool);
    check("swatches", colour);
    byId("px-field").classList.toggle("idle", !hasWidth(tool));
    byId("px-field").hidden = TOOLS[editor.card.kind].length === 0;
    byId("px-now").textContent = `${width} px`;
    Object.assign(px, { disabled: !hasWidth(tool), value: String(width), ariaValueText: `${width} px` });
    reveal(byId("swatches")); // last: the width above takes room from a phone's row of classes
  }

  editor.on("opened", build);
  choice.on("chosen", follow);

  return {
    build,
    /** Return the colour of a digit's class. @param {string} digit */
    colourOf: (digit) => editor.card.palette[DIGITS.indexOf(digit)]?.colour,
  };
}

/** @param {string} id  @param {string|null} value */
function check(id, value) {
  for (const input of byId(id).querySelectorAll("input")) input.checked = input.value === value;
}

/** Scroll the chosen swatch into view, only within its list. @param {HTMLElement} list */
function reveal(list) {
  const chosen = list.querySelector(":checked")?.parentElement;
  if (!chosen) return;
  const [inner, outer] = [chosen.getBoundingClientRect(), list.getBoundingClientRect()];
  list.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
  list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
}
