/** Messages: notices in the page, and announcements for screen readers. */

import { sentences, t } from "../words/texts.js";
import { byId, iconButton, make, textButton } from "./dom.js";

const INFO_SECONDS = 8;

/**
 * @typedef {object} Notice
 * @property {string} text
 * @property {string} [hint]
 * @property {boolean} [error]  stays until it is closed or withdrawn
 * @property {boolean} [stays]  as an error does
 * @property {{text: string, run: () => void}} [action]
 */

/**
 * Show a message; one of the same `name` is replaced.
 * @param {string} name
 * @param {Notice} notice
 */
export function notify(name, { text, hint = "", error = false, stays = error, action }) {
  const whole = sentences(text, hint);
  const old = find(name);
  if (old?.dataset.text === whole) return; // screen readers would read it again
  const close = iconButton("close", t("close"), () => withdraw(name));
  const [className, role] = error ? ["notice error", "alert"] : ["notice", "status"];
  const item = make("div", { className, role }, make("p", { textContent: whole }));
  Object.assign(item.dataset, { name, text: whole });
  if (action) item.append(textButton(action.text, () => (withdraw(name), action.run())));
  item.append(close);
  if (old) old.replaceWith(item);
  else byId("notices").append(item);
  if (!stays) setTimeout(() => item.remove(), 1000 * INFO_SECONDS);
}

/** @param {string} name */
export function withdraw(name) {
  find(name)?.remove();
}

/** Remove all notices: they are stale in another language or for another model. */
export function withdrawAll() {
  byId("notices").replaceChildren();
}

/**
 * Show an error of any kind in words.
 * @param {unknown} error
 * @param {string} [name]
 * @param {Notice["action"]} [action]
 */
export function report(error, name = "error", action = undefined) {
  const { message, hint } = /** @type {Error & {hint?: string}} */ (error);
  const known = t(message) !== message || hint !== undefined;
  notify(name, { text: known ? t(message) : t("error_unknown", { message }), hint: hint && t(hint), error: true, action });
}

/** Announce to screen readers what happened. @param {string} text */
export function announce(text) {
  const region = byId("announcement");
  // The same text again would not be read again.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

/**
 * Return a stroke in words, for screen readers.
 * @param {import("../types.js").Stroke} stroke
 * @param {(colour: string) => string} nameOf
 */
export function describeStroke(stroke, nameOf) {
  if ("colour" in stroke && stroke.colour === null) return t("announce_eraser");
  const colour = "colour" in stroke ? nameOf(/** @type {string} */ (stroke.colour)) : "";
  switch (stroke.tool) {
    case "rectangle":
      return t("announce_rectangle", { colour, width: stroke.box[2], height: stroke.box[3] });
    case "brush":
      return t("announce_brush", { colour, px: stroke.px });
    case "polygon":
      return t("announce_polygon", { colour, corners: stroke.points.length / 2 });
    case "size":
      return t("announce_size", { width: stroke.width, height: stroke.height });
    case "shape":
      return t(`announce_${stroke.how}`);
    case "fill":
      return t("announce_fill", { colour });
    default:
      return t(`announce_${stroke.tool}`);
  }
}

/** @param {string} name  @returns {HTMLElement|null} */
const find = (name) => document.querySelector(`.notice[data-name="${name}"]`);
