/** The invitation to draw: on a first visit, and in place of a result that an empty sheet has not, with examples. */

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
      return make("button", { type: "button", title: name, ariaLabel: name, onclick: () => open(example.name) }, canvas);
    });
    byId("start-examples").replaceChildren(...buttons);
  }

  /** Return what brings a result: on a label map its own class changes nothing. */
  function words() {
    const { kind, palette } = editor.card;
    if (!editor.isReady) return t("start_photograph");
    const swatch = palette.find(({ colour }) => colour === toHex(editor.image.pixels[0]));
    return kind === "labels" && swatch ? t("start_plain", { name: className(swatch.name) }) : t("start");
  }

  function show() {
    const { isEmpty, isReady } = editor;
    byId("invite").hidden = !isReady || !(isFirst || isEmpty);
    byId("translate").disabled = isEmpty;
    byId("start").hidden = !isEmpty;
    if (!isEmpty) return;
    if (!isBuilt) build();
    byId("start-words").textContent = words();
  }

  editor.on("opened", () => {
    isBuilt = false;
    byId("start-title").hidden = byId("start-examples").hidden = examples().length === 0;
  });

  return {
    /** Take another language. */
    label() {
      isBuilt = false;
      show();
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
