/** Save, copy or share the drawing and its result as one picture. */

import { showPicture, toPng } from "../paint/canvases.js";
import { drawPostcard } from "../paint/postcard.js";
import { t } from "../words/texts.js";
import { openDialog } from "./dialog.js";
import { byId, fileName, make, saveFile, statusLine, textButton } from "../panels/dom.js";
import { createTimelapse } from "./timelapse.js";

const LONGEST_TITLE = 80;

/** @typedef {{postcard: import("../paint/postcard.js").Postcard, style: import("../paint/postcard.js").Style}} Frame */

/**
 * Return what opens the dialog.
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../result/result.js").Result} result
 */
export function createPostcard(editor, result) {
  /** @type {(() => void)|null} */
  let follow = null;
  result.on("shown", () => follow?.()); // the last stroke's result may come while the dialog is open

  return function open() {
    let postcard = contentOf(editor, result);
    const canvas = make("canvas", { className: "postcard", role: "img", ariaLabel: t("postcard_label", { model: postcard.model }) });
    const title = make("input", { type: "text", maxLength: LONGEST_TITLE, autocomplete: "off", oninput: show });
    const status = statusLine();
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
    const file = async () => new File([/** @type {Blob} */ (await toPng(canvas))], `${fileName(postcard.model)}.png`, { type: "image/png" });
    const timelapse = createTimelapse(editor, result, frame, handOver);
    const close = () => {
      follow = null;
      timelapse.end();
    };
    openDialog(t("postcard_title"), [
      canvas,
      make("label", { className: "field" }, t("postcard_name"), title),
      handOver(file, status, toClipboard),
      status,
      ...timelapse.nodes,
    ], close);
  };
}

/** Return the drawing and its result as they are now. @param {import("../paint/editor.js").Editor} editor  @param {import("../result/result.js").Result} result */
function contentOf(editor, result) {
  const drawing = copyOf(byId("drawing"));
  // The result of a photograph may be larger than what was drawn on it.
  const { width, height } = result.canvas.width > drawing.width ? result.canvas : drawing;
  return { drawing, result: copyOf(result.canvas), size: { width, height }, model: editor.card.name, crisp: editor.card.kind === "labels" };
}

/** @param {HTMLCanvasElement} canvas */
const copyOf = (canvas) => showPicture(make("canvas"), canvas);

/** Return the page's colours and type: a dark page makes a dark picture. */
function styleOfPage() {
  const style = getComputedStyle(document.body);
  const muted = getComputedStyle(byId("time")).color;
  return { paper: style.backgroundColor, ink: style.color, muted, font: style.fontFamily };
}

/** @param {Promise<Blob>} blob */
const toClipboard = (blob) => navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);

/**
 * Create the buttons that save, copy and share a file; those that the browser cannot do are left out.
 * @param {() => Promise<File>} file
 * @param {HTMLElement} status  gets a sentence on what became of it
 * @param {((blob: Promise<Blob>) => Promise<void>)|null} [copy]
 */
function handOver(file, status, copy = null) {
  const say = (/** @type {string} */ key) => (status.textContent = t(key));
  const buttons = [textButton(t("postcard_save"), () => void file().then((saved) => saveFile(saved, saved.name)), "button main")];
  if (copy && navigator.clipboard && "write" in navigator.clipboard) {
    buttons.push(textButton(t("postcard_copy"), () => void copy(file()).then(() => say("copied_picture"), () => say("error_copy"))));
  }
  if (canShare()) {
    const share = async () => navigator.share({ files: [await file()] });
    // The user's own change of mind is no error.
    buttons.push(textButton(t("postcard_share"), () => void share().catch((error) => error.name !== "AbortError" && say("error_share"))));
  }
  return make("div", { className: "row" }, ...buttons);
}

/** Return whether the system has a share sheet that takes pictures. */
function canShare() {
  const probe = new File([], "a.png", { type: "image/png" });
  return "share" in navigator && (navigator.canShare?.({ files: [probe] }) ?? false);
}
