/** The page's texts in the user's language. */

import { classIn } from "./classes.js";
import en from "./en.js";
import { factIn } from "./facts.js";
import zh from "./zh.js";

/** @type {Record<string, Record<string, string>>} */
const LANGUAGES = { en, zh };
/** @type {Record<string, string>} */
let words = en;
let language = "en";

/** Return a class's name in the current language. @param {string} name */
export const className = (name) => classIn(name, language);

/** Return what a model states of itself, in the current language. @param {string} fact */
export const factText = (fact) => factIn(fact, language);

/**
 * Return the text of a key, with values in place of {names}. What is no key is returned as it is: it
 * may be a server's own sentence.
 * @param {string} key
 * @param {Record<string, string|number>} [values]
 */
export function t(key, values = {}) {
  const text = words[key] ?? en[/** @type {keyof typeof en} */ (key)] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Join sentences as the current language does; empty ones are left out. @param {...string} parts */
export const sentences = (...parts) => parts.filter(Boolean).join(language === "zh" ? "" : " ");

/** Return the available languages, as [code, own name]. */
export const languages = () => Object.entries(LANGUAGES).map(([code, texts]) => [code, texts.language]);

/**
 * Return the first available language of the list, else English.
 * @param {readonly string[]} codes
 */
export function pickLanguage(codes) {
  return codes.map((code) => code.toLowerCase().split("-")[0]).find((code) => code in LANGUAGES) ?? "en";
}

/**
 * Switch to a language, and put its texts into the page.
 * @param {string} code
 */
export function setLanguage(code) {
  words = LANGUAGES[code] ?? en;
  language = code;
  document.documentElement.lang = code === "zh" ? "zh-Hans" : code;
  fill(document);
}

/**
 * Fill in texts: `data-words` is the text of an element, `data-label` its name for screen readers and
 * its tooltip, `data-keys` the keys that do the same.
 * @param {Document|Element} root
 */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-words]")) {
    element.textContent = t(/** @type {HTMLElement} */ (element).dataset.words ?? "");
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    const { label = "", keys } = /** @type {HTMLElement} */ (element).dataset;
    Object.assign(element, { ariaLabel: t(label), title: keys ? `${t(label)} (${keys})` : t(label) });
  }
}
