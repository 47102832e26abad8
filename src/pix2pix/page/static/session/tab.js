/** The name of this tab, under which its drawings are kept: no two tabs write to the same drawing. */

import { nameHere, readStored, writeStored } from "../model/storage.js";

const PLACE = nameHere("tab");
const WAIT_MS = 2000; // the page before a reload may hold the name a moment longer

/**
 * @typedef {object} Tab
 * @property {string} name  the same after a reload
 * @property {() => Promise<Set<string>|null>} live  names of all open tabs; null where browsers do not tell
 */

/** @returns {Promise<Tab>} */
export async function openTab() {
  let name = readStored("sessionStorage", PLACE);
  // A tab that was duplicated has the name of the first one.
  if (!name || !(await hold(name))) {
    name = Date.now().toString(36) + Math.random().toString(36).slice(2, 8);
    void hold(name);
  }
  writeStored("sessionStorage", PLACE, name);
  return { name, live };
}

/** Hold the name as long as the tab is open; resolves to false if another tab has it. @param {string} name  @returns {Promise<boolean>} */
function hold(name) {
  // Browsers have locks on https and on this machine only.
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = () => (resolve(true), new Promise(() => {}));
    navigator.locks.request(`${PLACE} ${name}`, { signal: AbortSignal.timeout(WAIT_MS) }, held).catch(() => resolve(false));
  });
}

async function live() {
  const { held } = (await navigator.locks?.query()) ?? {};
  if (!held) return null;
  const names = held.map((lock) => lock.name ?? "").filter((name) => name.startsWith(`${PLACE} `));
  return new Set(names.map((name) => name.slice(PLACE.length + 1)));
}
