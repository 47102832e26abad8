/** Save, copy or share the drawing and its result as one picture. */

import { drawPostcard } from "../paint/postcard.js";
import { t } from "../words/texts.js";
import { openDialog } from "./dialog.js";
import { byId, make, saveFile } from "./dom.js";
import { createTimelapse } from "./timelapse.js";

const LONGEST_TITLE = 80;

/** @typedef {{postcard: import("../paint/postcard.js").Postcard, style: import("../paint/postcard.js").Style}} Frame */

/**
 * Return what opens the dialog.
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("./result.js").Result} result
 */
export function createPostcard(editor, result) {
  /** @type {(() => void)|null} */
  let follow = null;
  result.on("shown", () => follow?.()); // the last stroke's result may come while the dialog is open

  return function open() {
    let postcard = contentOf(editor, result);
    const canvas = make("canvas", { className: "postcard" });
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", t("postcard_label", { model: postcard.model }));
    const title = make("input", { type: "text", maxLength: LONGEST_TITLE, autocomplete: "off", oninput: show });
    const said = make("p", { className: "quiet" });
    said.setAttribute("role", "status");
    const frame = () => ({ postcard: { ...postcard, title: title.value.trim() }, style: styleOfPage() });

    function show() {
      const now = frame();
      drawPostcard(canvas, now.postcard, now.style);
    }

    follow = () => {
      postcard = contentOf(editor, result);
      show();
    };
    show();
    const file = async () => new File([await toBlob(canvas)], `${fileName(postcard.model)}.png`, { type: "image/png" });
    const timelapse = createTimelapse(editor, result, frame, handOver);
    const close = () => {
      follow = null;
      timelapse.end();
    };
    openDialog(t("postcard_title"), [
      canvas,
      make("label", { className: "field" }, t("postcard_name"), title),
      handOver(file, said, toClipboard),
      said,
      ...timelapse.nodes,
    ], close);
  };
}

/** Return the drawing and its result as they are now. @param {import("../paint/editor.js").Editor} editor  @param {import("./result.js").Result} result */
function contentOf(editor, result) {
  const drawing = copyOf(byId("drawing"));
  // The result of a photograph may be larger than what was drawn on it.
  const { width, height } = result.canvas.width > drawing.width ? result.canvas : drawing;
  return { drawing, result: copyOf(result.canvas), size: { width, height }, model: editor.card.name, crisp: editor.card.kind === "labels" };
}

/** @param {HTMLCanvasElement} canvas */
function copyOf(canvas) {
  const copy = make("canvas", { width: canvas.width, height: canvas.height });
  copy.getContext("2d")?.drawImage(canvas, 0, 0);
  return copy;
}

/** Return the page's colours and type: a dark page makes a dark picture. */
function styleOfPage() {
  const style = getComputedStyle(document.body);
  const muted = getComputedStyle(byId("time")).color;
  return { paper: style.backgroundColor, ink: style.color, muted, font: style.fontFamily };
}

/** @param {string} model */
const fileName = (model) => model.replace(/[^\p{L}\p{N}]+/gu, "-");

/** @param {HTMLCanvasElement} canvas  @returns {Promise<Blob>} */
const toBlob = (canvas) => new Promise((resolve) => canvas.toBlob((blob) => resolve(/** @type {Blob} */ (blob)), "image/png"));

/** @param {Promise<Blob>} blob */
const toClipboard = (blob) => navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);

/**
 * Create the buttons that save, copy and share a file; those that the browser cannot do are left out.
 * @param {() => Promise<File>} file
 * @param {HTMLElement} said  gets a sentence on what became of it
 * @param {((blob: Promise<Blob>) => Promise<void>)|null} [copy]
 */
function handOver(file, said, copy = null) {
  const button = (/** @type {string} */ key, /** @type {() => Promise<void>} */ run, className = "button") =>
    make("button", { type: "button", className, textContent: t(key), onclick: () => void run() });
  const buttons = [button("postcard_save", async () => saveFile(await file(), (await file()).name), "button main")];
  if (copy && navigator.clipboard && "write" in navigator.clipboard) {
    buttons.push(button("postcard_copy", () => copy(file()).then(() => say("copied_picture"), () => say("error_copy"))));
  }
  if (canShare()) {
    buttons.push(button("postcard_share", async () => navigator.share({ files: [await file()] }).catch((error) => {
      if (error.name !== "AbortError") say("error_share"); // the user's own change of mind is no error
    })));
  }
  const say = (/** @type {string} */ key) => {
    said.textContent = t(key);
  };
  return make("div", { className: "row" }, ...buttons);
}

/** Return whether the system has a share sheet that takes pictures. */
function canShare() {
  const probe = new File([], "a.png", { type: "image/png" });
  return "share" in navigator && (navigator.canShare?.({ files: [probe] }) ?? false);
}
