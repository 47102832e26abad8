/** Share a drawing as an address. */

import { pack, toSaved, withoutPictures } from "../paint/saved.js";
import { t } from "../words/texts.js";
import { openDialog } from "./dialog.js";
import { make, statusLine, textButton } from "../panels/dom.js";
import { notify } from "../panels/notices.js";

// Many programs truncate longer addresses.
const MOST_LETTERS = 16000;
const HERE = /^(localhost|127\.[\d.]+|\[::1\])$/; // addresses of this machine

/**
 * @param {import("../paint/editor.js").Editor} editor
 * @param {(drawing: string) => string} addressOf  a packed drawing, and what is chosen now
 */
export async function openShare(editor, addressOf) {
  const whole = toSaved(editor.drawing, editor.card);
  const shared = withoutPictures(whole);
  const packed = await pack(shared);
  if (packed.length > MOST_LETTERS) {
    notify("share", { text: t("share_long", { length: packed.length, most: MOST_LETTERS }), error: true });
    return;
  }
  const address = addressOf(packed);
  const field = make("input", { type: "text", readOnly: true, value: address, onfocus: () => field.select() });
  const copied = statusLine();
  const copy = textButton(t("copy_address"), () => {
    field.select();
    void navigator.clipboard?.writeText(address).then(() => (copied.textContent = t("copied")), () => {});
  }, "button main");
  const isLess = shared.drawing.strokes.length < whole.drawing.strokes.length;
  const notes = isLess ? [make("p", { textContent: t("share_picture") })] : [];
  if (HERE.test(location.hostname)) notes.push(make("p", { textContent: t("share_here") }));
  openDialog(t("share_title"), [
    make("p", { textContent: t("share_text") }), ...notes, make("label", {}, t("share_address"), field),
    make("div", { className: "row end" }, copied, copy),
  ]);
  copy.focus();
}
