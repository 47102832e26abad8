/** The invitation to draw: on a first visit, and on every empty sheet, with examples to begin with. */

import { toHex } from "../paint/colours.js";
import { className, t } from "../words/texts.js";
import { byId, make } from "./dom.js";
import { drawThumbnail, emptyThumbnail } from "./thumbnails.js";

const COUNT = 4;

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {(name: string) => void} open  an example
 */
export function createStart(editor, open) {
  let [isFirst, isBuilt] = [false, false];
  const examples = () => editor.card.examples.slice(0, COUNT);

  /** Show the pictures, which are fetched when they are seen first. */
  function build() {
    isBuilt = true;
    const buttons = examples().map((example, i) => {
      const [canvas, name] = [emptyThumbnail(), t("example_number", { number: i + 1 })];
      // Without a connection the button stays, without its picture.
      drawThumbnail(canvas, example, new AbortController().signal).catch(() => {});
      const button = make("button", { type: "button", title: name, onclick: () => open(example.name) }, canvas);
      button.setAttribute("aria-label", name);
      return button;
    });
    byId("start-examples").replaceChildren(...buttons);
  }

  /** Say what an empty sheet is: drawing its own class on it changes nothing. */
  function say() {
    const { kind, palette } = editor.card;
    const swatch = palette.find(({ colour }) => colour === toHex(editor.image.pixels[0]));
    byId("start-words").textContent = kind === "labels" && swatch ? t("start_plain", { name: className(swatch.name) }) : t("start");
  }

  function show() {
    const { isBlank, isReady } = editor;
    byId("invite").hidden = !isReady || !(isFirst || isBlank);
    byId("translate").disabled = !isReady || isBlank;
    byId("start").hidden = !isBlank;
    if (isBlank && !isBuilt) build();
    if (isBlank) say();
  }

  editor.on("opened", () => {
    isBuilt = false;
    byId("start-title").hidden = byId("start-examples").hidden = examples().length === 0;
  });

  return {
    /** Take another language. */
    label() {
      if (isBuilt) build();
      if (editor.isBlank) say();
    },
    /** Follow the drawing. */
    show,
    /** Invite to change the first drawing of a model, or no longer. @param {boolean} first */
    invite(first) {
      isFirst = first;
      show();
    },
  };
}
