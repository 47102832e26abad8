/** Keys that work everywhere on the page, and the dialog that lists all keys. */

import { TOOLS, WIDEST_PX } from "../paint/choice.js";
import { openDialog } from "../dialogs/dialog.js";
import { byId, make, toggle } from "../panels/dom.js";
import { announce } from "../panels/notices.js";
import { LETTERS, nameOf } from "../panels/toolbar.js";
import { t } from "../words/texts.js";
import { choices, keepChoice } from "../session/store.js";

/**
 * @typedef {Record<string, () => void>} Actions  by the name of the key
 */

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../paint/choice.js").Choice} choice
 * @param {import("./stroke-input.js").StrokeInput} strokeInput
 * @param {(digit: string) => string|undefined} colourOf
 * @param {Actions} actions  names of keys in lower case; "ctrl+" before those with Ctrl or Cmd
 */
export function followShortcuts(editor, choice, strokeInput, colourOf, actions) {
  /** @param {string} key */
  function plain(key) {
    const tool = TOOLS[editor.card.kind].find((name) => LETTERS[name].toLowerCase() === key);
    const colour = colourOf(key);
    const { px } = choice.now;
    if (tool) choice.set({ tool });
    else if (colour) choice.set({ colour });
    else if (key === "[") choice.set({ px: Math.max(1, px - widthStep(px)) });
    else if (key === "]") choice.set({ px: Math.min(WIDEST_PX, px + widthStep(px + 1)) });
    else return false;
    return true;
  }

  addEventListener("keydown", (event) => {
    if (event.key === "Alt" && !isText(event.target)) event.preventDefault(); // Windows would open a menu
    if (!editor.card || event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const key = event.key.toLowerCase();
    const ctrl = event.ctrlKey || event.metaKey;
    if (isText(event.target) && !ctrl) return;
    if (key === "escape") {
      if (strokeInput.isDrawing) announce(t("announce_cancelled"));
      return strokeInput.cancel();
    }
    if (event.altKey || (!ctrl && key.length === 1 && !areLettersOn())) return;
    const name = ctrl ? `ctrl+${event.shiftKey ? "shift+" : ""}${key}` : key;
    const action = actions[name];
    if (!action && (ctrl || !plain(key))) return;
    event.preventDefault();
    action?.();
  });
}

/** Return whether single letters are keys: dictation software types them by accident (WCAG 2.1.4). */
const areLettersOn = () => choices().letters !== false;

/**
 * Press a button, unless it is hidden or disabled. @param {string} id
 */
export function press(id) {
  const button = byId(id);
  if (!button.closest("[hidden]")) button.click(); // does nothing if disabled
}

/** Wide brushes change in larger steps. @param {number} px */
const widthStep = (px) => (px > 32 ? 4 : px > 12 ? 2 : 1);

/** @param {EventTarget|null} target */
function isText(target) {
  return target instanceof HTMLInputElement ? !["radio", "checkbox", "range"].includes(target.type) : target instanceof HTMLSelectElement;
}

/** @param {import("../types.js").Kind} kind */
export function openKeys(kind) {
  const tools = TOOLS[kind].map((tool) => [LETTERS[tool], t(nameOf(tool, kind))]);
  const classes = kind === "labels" ? [["1 … 9, 0", t("keys_digits")]] : [];
  const pick = kind === "labels" ? [["Alt", t("keys_alt")]] : [];
  const drawing = [
    ...(tools.length ? [["keys_tools", [...tools, ...classes, ["[ ]", t("keys_width")], ...pick]]] : []),
    ["keys_canvas", [["← ↑ → ↓", t("keys_arrows")], ["Space", t("keys_draw")], ["Enter", t("keys_enter")], ["Esc", t("keys_escape")]]],
  ];
  const page = [
    ["keys_page", [
      ["Ctrl+Z", t("undo")], ["Ctrl+Shift+Z", t("redo")], ["Delete", t("clear")], ["+ −", t("zoom")], ["=", t("zoom_fit")],
      ["N", t("example")], ["T", t("translate")], ["V", t("another")], ["C", t("keys_compare")], ["S", t("save_picture")],
      ["Ctrl+D", t("copy_shape")], ["Ctrl+S", t("save")], ["Ctrl+O", t("open")], ["?", t("keys_this")],
    ]],
  ];
  const column = (/** @type {any[][]} */ lists) => {
    const parts = lists.flatMap(([title, rows]) => [make("h3", { textContent: t(title) }), listOf(rows)]);
    return make("div", {}, ...parts);
  };
  const letters = toggle(t("keys_letters"), areLettersOn(), (isOn) => keepChoice("letters", isOn));
  openDialog(t("keys_title"), [letters, make("div", { className: "lists" }, column(drawing), column(page))]);
}

/** @param {string[][]} rows  keys and what they do */
function listOf(rows) {
  const items = rows.flatMap(([keys, what]) => [make("dt", {}, make("kbd", { textContent: keys })), make("dd", { textContent: what })]);
  return make("dl", { className: "keys" }, ...items);
}
