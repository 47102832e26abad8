/** Share a drawing as an address. */

import { pack, toSaved, unpack, withoutPictures } from "../paint/saved.js";
import { t } from "../words/texts.js";
import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { notify } from "./notices.js";

// Many programs truncate longer addresses.
const MOST_LETTERS = 16000;
const HERE = /^(localhost|127\.[\d.]+|\[::1\])$/; // addresses of this machine
const MARK = "#d=";

/** @param {import("../paint/editor.js").Editor} editor */
export async function openShare(editor) {
  const whole = toSaved(editor.drawing, editor.card);
  const shared = withoutPictures(whole);
  const packed = await pack(shared);
  if (packed.length > MOST_LETTERS) {
    notify("share", { text: t("share_long", { length: packed.length, most: MOST_LETTERS }), error: true });
    return;
  }
  const address = `${location.href.split("#")[0]}${MARK}${packed}`;
  const field = make("input", { type: "text", readOnly: true, value: address, onfocus: () => field.select() });
  const copied = make("p", { className: "quiet" });
  copied.setAttribute("role", "status");
  const copy = make("button", { className: "button main", type: "button", textContent: t("copy_address") });
  copy.onclick = async () => {
    field.select();
    await navigator.clipboard?.writeText(address).then(() => (copied.textContent = t("copied")), () => {});
  };
  const isLess = shared.drawing.strokes.length < whole.drawing.strokes.length;
  const notes = isLess ? [make("p", { textContent: t("share_picture") })] : [];
  if (HERE.test(location.hostname)) notes.push(make("p", { textContent: t("share_here") }));
  openDialog(t("share_title"), [
    make("p", { textContent: t("share_text") }), ...notes, make("label", {}, t("share_address"), field),
    make("div", { className: "row end" }, copied, copy),
  ]);
  copy.focus();
}

/**
 * Return the drawing in the page's address, if any, and remove it from there.
 * @returns {Promise<import("../paint/saved.js").SavedDrawing|null>}
 */
export async function readAddress() {
  if (!location.hash.startsWith(MARK)) return null;
  const packed = location.hash.slice(MARK.length);
  history.replaceState(null, "", location.href.split("#")[0]);
  return unpack(packed);
}
