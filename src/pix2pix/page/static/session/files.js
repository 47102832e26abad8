/** Open files by the picker, by dropping and by pasting; save and copy pictures and drawings. */

import { byId, fileName, saveFile } from "../panels/dom.js";
import { notify, report, withdraw } from "../panels/notices.js";
import { t } from "../words/texts.js";

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {ReturnType<typeof import("./session.js").createSession>} session
 * @param {() => Promise<Blob|null>} toFile  returns the result
 */
export function createFiles(editor, session, toFile) {
  const [picker, drop] = [byId("file"), byId("drop")];

  /** @param {Blob|undefined|null} file */
  async function open(file) {
    if (!file || !editor.card) return;
    try {
      if (isDrawing(file)) await session.openSaved(await readJson(file));
      else await session.openPicture(file);
      withdraw("open");
    } catch (error) {
      report(named(error, file), "open");
    }
  }

  /** Put the file's name into an error. @param {any} error  @param {Blob} file */
  function named(error, file) {
    if (!(file instanceof File) || !file.name || t(error.message) === error.message) return error;
    return Object.assign(new Error(`${file.name}: ${t(error.message)}`), { hint: error.hint ?? "" });
  }

  picker.addEventListener("change", () => {
    void open(picker.files[0]);
    picker.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) event.preventDefault();
    void open(file);
  });
  followDrops(drop, open);

  /** @param {string} ending */
  const nameOf = (ending) => `${fileName(editor.card.name)}.${ending}`;

  return {
    open,
    choose: () => picker.click(),
    async saveDrawing() {
      saveFile(await session.toFile(), nameOf("drawing.json"));
    },
    async savePicture() {
      try {
        const blob = await toFile();
        if (blob) saveFile(blob, nameOf("png"));
      } catch (error) {
        report(error, "save");
      }
    },
    async copyPicture() {
      try {
        await navigator.clipboard.write([new ClipboardItem({ "image/png": /** @type {Promise<Blob>} */ (toFile()) })]);
        notify("copy", { text: t("copied_picture") });
      } catch {
        notify("copy", { text: t("error_copy"), error: true });
      }
    },
  };
}

/** @param {HTMLElement} target  shown while a file is dragged over the page  @param {(file: Blob|undefined) => void} open */
function followDrops(target, open) {
  const hasFile = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  let depth = 0; // elements entered and not yet left
  const show = (/** @type {number} */ change) => {
    depth = Math.max(0, depth + change);
    target.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => hasFile(event) && show(1));
  addEventListener("dragleave", (event) => hasFile(event) && show(-1));
  addEventListener("dragover", (event) => hasFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    show(-depth);
    open(event.dataTransfer?.files[0]);
  });
}

/** @param {Blob} file */
function isDrawing(file) {
  return file.type === "application/json" || (file instanceof File && file.name.toLowerCase().endsWith(".json"));
}

/** @param {Blob} file */
async function readJson(file) {
  try {
    return JSON.parse(await file.text());
  } catch {
    throw new Error("error_no_drawing");
  }
}
