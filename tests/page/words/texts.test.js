import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { pickLanguage, t } from "../../../src/pix2pix/page/static/words/texts.js";
import en from "../../../src/pix2pix/page/static/words/en.js";
import zh from "../../../src/pix2pix/page/static/words/zh.js";

const FOLDER = new URL("../../../src/pix2pix/page/static/", import.meta.url);
const read = (name) => readFileSync(new URL(name, FOLDER), "utf8");
const isCode = (name) => name.endsWith(".js") && !/^words\b/.test(name);
const code = readdirSync(FOLDER, { recursive: true }).filter(isCode).map(read).join("\n") + read("index.html");

test("both languages have the same keys and the same {names}", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  const names = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) assert.deepEqual(names(zh[key]), names(en[key]), key);
});

test("every key that the page names is there, and every key is used", () => {
  const named = [...code.matchAll(/\bt\("(\w+)"|data-(?:words|label)="(\w+)"|"((?:error|hint|size|keys)_\w+)"/g)].map((m) => m[1] ?? m[2] ?? m[3]);
  assert.deepEqual(named.filter((key) => !(key in en)), []);
  const starts = [...code.matchAll(/`([a-z]+_)\$\{/g)].map((m) => m[1]); // t(`mode_${mode}`)
  const used = (key) => named.includes(key) || starts.some((start) => key.startsWith(start)) || new RegExp(`["'\`]${key}["'\`]`).test(code);
  assert.deepEqual(Object.keys(en).filter((key) => key !== "language" && !used(key)), []);
});

test("names are filled in, sentences pass, languages are matched by their first part", () => {
  assert.equal(t("announce_at", { x: 1, y: 2, colour: "wall" }), "1, 2: wall");
  assert.equal(t("The queue is full."), "The queue is full.");
  assert.equal(pickLanguage(["fr-FR", "zh-TW", "en"]), "zh");
  assert.equal(pickLanguage(["xx"]), "en");
});
