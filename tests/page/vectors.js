// What the package computed, written by test_in_page.py; without it these tests are skipped.

import { readFileSync } from "node:fs";

const file = process.env.VECTORS;
export const vectors = file ? JSON.parse(readFileSync(file, "utf-8")) : { masks: [], cases: [] };
export const skip = file ? false : "run by tests/page/test_in_page.py";
export const load = (name) => import(new URL(`../../src/pix2pix/page/static/${name}`, import.meta.url));
