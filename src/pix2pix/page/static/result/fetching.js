/** An exported page while its network is on the way: progress, time left, and the result that came with it. */

import { flatten } from "../paint/drawing.js";
import { t } from "../words/texts.js";
import { byId } from "../panels/dom.js";

const MB = 1e6;
const RATED_MS = 1000; // before this the rate of a download is a guess

/** Prepare a translator, with progress on the page. @param {import("../types.js").Translator} translator */
export async function prepare(translator) {
  /** @type {{at: number, loaded: number}|null} */
  let start = null;
  try {
    await translator.prepare((/** @type {{loaded: number, total: number}} */ { loaded, total }) => {
      start ??= { at: performance.now(), loaded };
      byId("fetching").hidden = false;
      byId("progress").value = total ? loaded / total : 0;
      byId("fetching-words").textContent = loaded < total ? describe(loaded, total, start) : t("starting");
    });
  } finally {
    byId("fetching").hidden = true;
  }
}

/** @param {number} loaded  @param {number} total  bytes  @param {{at: number, loaded: number}} start */
function describe(loaded, total, start) {
  const megabytes = (/** @type {number} */ bytes) => (bytes / MB).toFixed(1);
  const progress = t("fetching", { loaded: megabytes(loaded), total: megabytes(total) });
  const [spent, gained] = [performance.now() - start.at, loaded - start.loaded];
  if (spent < RATED_MS || gained <= 0) return progress;
  const seconds = Math.ceil((((total - loaded) / gained) * spent) / 1000);
  const left = seconds < 90 ? t("left_seconds", { count: seconds }) : t("left_minutes", { count: Math.round(seconds / 60) });
  return `${progress}, ${left}`;
}

/**
 * Return the result that came with the page, if the drawing is an untouched example that has one.
 * @param {import("../types.js").Drawing} drawing
 * @param {import("../types.js").Card} card
 * @returns {Promise<ImageBitmap|null>}
 */
export async function fetchShipped(drawing, card) {
  const { placed } = flatten(drawing);
  const stroke = placed.length === 1 ? placed[0].stroke : null;
  if (stroke?.tool !== "picture" || stroke.model !== card.name) return null;
  const address = card.examples.find(({ name }) => name === stroke.example)?.result;
  const answer = address ? await fetch(address).catch(() => null) : null;
  return answer?.ok ? createImageBitmap(await answer.blob()).catch(() => null) : null;
}
