/** Choose the size of the drawing: the trained one, multiples, the picture's own, or any other. */

import { t } from "../words/texts.js";
import { openDialog } from "../dialogs/dialog.js";
import { byId, make } from "./dom.js";

const [TIMES, CUSTOM] = [[1, 2, 3, 4, 6, 8], "custom"];

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {() => {width: number, height: number}|null} pictureSize  of the picture under the drawing
 */
export function createSizes(editor, pictureSize) {
  const select = byId("size");

  function build() {
    const { size_px, max_px } = editor.card;
    const [trainedHeight, trainedWidth] = size_px;
    const now = editor.size;
    /** @type {Map<string, string>} */
    const sizes = new Map();
    const offer = (/** @type {number} */ width, /** @type {number} */ height, /** @type {string} */ key) => {
      const name = `${width}x${height}`;
      if (Math.max(width, height) <= max_px && !sizes.has(name)) sizes.set(name, t(key, { width, height }));
    };
    offer(trainedWidth, trainedHeight, "size_trained");
    for (const times of TIMES) offer(trainedWidth * times, trainedHeight * times, "size_plain");
    offer(2 * trainedWidth, trainedHeight, "size_plain");
    const own = pictureSize();
    if (own) offer(own.width, own.height, "size_picture");
    offer(now.width, now.height, "size_plain");
    const options = [...sizes, [CUSTOM, t("size_custom")]].map(([value, text]) => new Option(text, value));
    select.replaceChildren(...options);
    select.value = `${now.width}x${now.height}`;
  }

  /** @param {number} width  @param {number} height */
  function set(width, height) {
    const now = editor.size;
    if (now.width !== width || now.height !== height) editor.add({ tool: "size", width, height });
  }

  function openCustom() {
    const most = editor.card.max_px;
    const field = (/** @type {string} */ key, /** @type {number} */ value) => {
      const input = make("input", { type: "number", min: "1", max: String(most), step: "1", required: true, value: String(value), autofocus: key === "width" });
      return { input, label: make("label", {}, t(key), input) };
    };
    const [width, height] = [field("width", editor.size.width), field("height", editor.size.height)];
    const form = make(
      "form", { method: "dialog" },
      make("p", { className: "quiet", textContent: t("size_text", { max: most }) }),
      make("div", { className: "pair" }, width.label, height.label),
      make("div", { className: "row end" }, make("button", { className: "button main", textContent: t("apply") })),
    );
    form.onsubmit = () => set(Number(width.input.value), Number(height.input.value));
    openDialog(t("size_title"), [form], build);
  }

  select.addEventListener("change", () => {
    if (select.value === CUSTOM) return openCustom();
    const [width, height] = select.value.split("x").map(Number);
    return set(width, height);
  });

  return { build };
}
