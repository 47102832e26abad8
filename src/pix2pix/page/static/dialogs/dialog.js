/** Dialogs: created when opened, removed when closed. */

import { t } from "../words/texts.js";
import { iconButton, make } from "../panels/dom.js";

/**
 * Show a dialog. The browser keeps the focus inside, closes it on Esc, and restores the focus.
 * @param {string} title
 * @param {Node[]} content
 * @param {() => void} [onClose]
 */
export function openDialog(title, content, onClose) {
  const heading = make("h2", { textContent: title, id: "dialog-title" });
  const close = iconButton("close", t("close"), () => dialog.close());
  const dialog = make("dialog", {}, make("div", { className: "dialog-head" }, heading, close), make("div", { className: "dialog-body" }, ...content));
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.onclick = (event) => {
    if (event.target === dialog && !contains(dialog, event)) dialog.close();
  };
  dialog.onclose = () => {
    dialog.remove();
    onClose?.();
  };
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @param {Element} element  @param {MouseEvent} event */
function contains(element, { clientX, clientY }) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
}
