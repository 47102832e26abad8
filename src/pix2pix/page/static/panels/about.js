/** What a model learned from, in a popover. The browser opens and closes it, also by keys. */

import { factText, t } from "../words/texts.js";
import { byId, make } from "./dom.js";

/** @typedef {import("../types.js").Card} Card */

/** @param {Card} card */
export function showAbout({ name, kind, size_px: [height, width], mode, about }) {
  byId("about").disabled = !about;
  if (!about) return;
  const { lang } = document.documentElement;
  const count = (/** @type {number} */ number) => number.toLocaleString(lang);
  const short = new Intl.NumberFormat(lang, { notation: "compact", compactDisplay: "long", maximumSignificantDigits: 3 });
  /** @type {[string, string][]} */
  const rows = [
    ["about_drawn", t(`kind_${kind}`)],
    ["about_size", t("size_plain", { width, height })],
    ["about_pairs", about.pairs ? count(about.pairs) : ""],
    ["about_seen", about.images_seen ? count(about.images_seen) : ""],
    ["about_started", factText(about.started_from)],
    ["about_imported", about.imported_from],
    ["about_scores", Object.entries(about.scores).map(scoreOf).join(", ")],
    ["about_weights", short.format(about.weights)],
    ["mode", t(`mode_${mode}`)],
    ["about_licence", factText(about.licence) || t("about_no_licence")],
  ];
  const items = rows.filter(([, value]) => value).flatMap(([key, value]) => [make("dt", { textContent: t(key) }), make("dd", { textContent: value })]);
  byId("about-model").replaceChildren(make("h2", { id: "about-title", textContent: name }), make("dl", {}, ...items));
}

/** Return a score of the validation as it is written: val_psnr_db is PSNR, in dB. @param {[string, number]} score */
function scoreOf([name, value]) {
  const measure = name.replace(/^val_|_db$/g, "").replaceAll("_", " ").toUpperCase();
  return `${measure} ${Number(value.toPrecision(3))}${name.endsWith("_db") ? " dB" : ""}`;
}
