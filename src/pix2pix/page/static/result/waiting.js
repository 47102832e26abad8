/** What the result waits for: in the middle of an empty frame, or as a tag on a result that is out of date. */

import { t } from "../words/texts.js";
import { byId } from "../panels/dom.js";

const LATE_MS = 900; // a result that is quicker needs no words: they would flicker

/** @typedef {ReturnType<typeof createWaiting>} Waiting */

export function createWaiting() {
  const place = byId("waiting");
  let [timer, key] = [0, ""];

  function show() {
    place.textContent = t(key);
    place.hidden = false;
    byId("result-stage").dataset.waiting = "";
  }

  return {
    /** Name what is waited for. @param {string} reason  a key of the words  @param {boolean} [atOnce] */
    wait(reason, atOnce = false) {
      key = reason;
      if (atOnce || !place.hidden) show();
      else if (!timer) timer = setTimeout(show, LATE_MS);
    },
    /** Nothing is waited for any more. */
    end() {
      clearTimeout(timer);
      timer = 0;
      place.hidden = true;
      delete byId("result-stage").dataset.waiting;
    },
    /** Take another language. */
    label: () => !place.hidden && show(),
  };
}
