/** The language and the theme: chosen in the header, kept for the next visit. */

import { choices, keepChoice } from "../session/store.js";
import { languages, pickLanguage, setLanguage } from "../words/texts.js";
import { byId } from "./dom.js";

/** @param {() => void} onLanguage  after the language has changed */
export function createPreferences(onLanguage) {
  const language = byId("language");
  language.replaceChildren(...languages().map(([code, name]) => new Option(name, code)));
  language.value = pickLanguage([choices().language ?? "", ...navigator.languages]);
  language.addEventListener("change", () => {
    keepChoice("language", language.value);
    setLanguage(language.value);
    onLanguage();
  });
  byId("theme").addEventListener("click", () => {
    const isDark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    document.documentElement.dataset.theme = isDark ? "light" : "dark";
    keepChoice("theme", document.documentElement.dataset.theme);
  });
  return { useLanguage: () => setLanguage(language.value) };
}
