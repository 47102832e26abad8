/**
 * The token of a server that wants one: from the address, `#token=...`, or typed. It is sent as a header
 * to the page's own server alone, and kept as long as the tab.
 */

import { t } from "../words/texts.js";
import { nameHere, readStored, writeStored } from "./storage.js";

const [NAME, MARK] = [nameHere("token"), "#token="];

let token = readStored("sessionStorage", NAME) ?? "";

/** Keep the token in the page's address, if there is one, and remove it from there. */
export function takeToken() {
  if (!location.hash.startsWith(MARK)) return;
  keep(decodeURIComponent(location.hash.slice(MARK.length)));
  history.replaceState(null, "", location.href.split("#")[0]);
}

/**
 * Fetch from the page's own server, with the token where it wants one.
 * @param {URL|string} url
 * @param {RequestInit} [options]
 */
export async function fetchWithToken(url, options = {}) {
  const answer = await send(url, options);
  if (answer.status !== 401) return answer;
  const typed = prompt(t("token_wanted"))?.trim();
  if (!typed) return answer;
  keep(typed);
  return send(url, options);
}

/** @param {URL|string} url  @param {RequestInit} options */
function send(url, options) {
  const isOwn = new URL(url, document.baseURI).origin === location.origin;
  if (!token || !isOwn) return fetch(url, options);
  return fetch(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } });
}

/** @param {string} value */
function keep(value) {
  token = /^[!-~]+$/.test(value) ? value : "";
  writeStored("sessionStorage", NAME, token);
}
