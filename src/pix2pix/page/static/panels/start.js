/** The invitation to draw: on a first visit, and on every empty sheet, with examples to begin with. */

import { decode } from "../paint/pictures.js";
import { fetchWithToken } from "../model/access.js";
import { byId, make } from "./dom.js";

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
    const buttons = examples().map(({ name, source }) => {
      const button = make("button", { type: "button", title: name, onclick: () => open(name) });
      button.setAttribute("aria-label", name);
      // Without its picture, a button would say nothing.
      fetchPicture(source).then((canvas) => button.append(canvas), () => button.append(name));
      return button;
    });
    byId("start-examples").replaceChildren(...buttons);
  }

  function show() {
    const { isBlank, isReady } = editor;
    byId("invite").hidden = !isReady || !(isFirst || isBlank);
    byId("translate").disabled = !isReady || isBlank;
    byId("start").hidden = !isBlank;
    if (isBlank && !isBuilt) build();
  }

  editor.on("opened", () => {
    isBuilt = false;
    byId("start-title").hidden = byId("start-examples").hidden = examples().length === 0;
  });

  return {
    /** Follow the drawing. */
    show,
    /** Invite to change the first drawing of a model, or no longer. @param {boolean} first */
    invite(first) {
      isFirst = first;
      show();
    },
  };
}

/** @param {string} address */
async function fetchPicture(address) {
  const answer = await fetchWithToken(address);
  if (!answer.ok) throw new Error("error_unreadable_picture");
  return decode(await answer.blob(), null);
}
