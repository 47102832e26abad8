/** Take a photograph with the webcam; for models of photographs, see the translation of what it shows now. */

import { openDialog } from "../panels/dialog.js";
import { make } from "../panels/dom.js";
import { report } from "../panels/notices.js";
import { show } from "../panels/result.js";
import { blank, contextOf, fitSize, resizeCanvas, sourceOf } from "../paint/pictures.js";
import { t } from "../words/texts.js";

const WAIT_MS = 1000; // after a refusal of a busy server
const COUNTED = 8; // pictures, of which the rate is the mean

/**
 * @param {(blob: Blob) => void} onPhotograph
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../panels/result.js").Result} result
 */
export async function openWebcam(onPhotograph, editor, result) {
  let stream;
  try {
    stream = await start();
  } catch (error) {
    report(error, "webcam");
    return;
  }
  const video = make("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const shoot = make("button", { className: "button main", type: "button", textContent: t("webcam_take") });
  const live = editor.card.kind === "photograph" ? createLive(video, editor.card, result) : null;
  const stop = () => {
    live?.stop();
    stream.getTracks().forEach((track) => track.stop());
  };
  const views = make("div", { className: live ? "webcam two" : "webcam" }, video, ...(live?.views ?? []));
  const dialog = openDialog(t("webcam_title"), [views, make("div", { className: "row end" }, ...(live?.controls ?? []), shoot)], stop);
  shoot.onclick = () => {
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && onPhotograph(blob), "image/png");
    dialog.close();
  };
  shoot.focus();
}

/**
 * Translate picture after picture, as quickly as the machine does it.
 * @param {HTMLVideoElement} video
 * @param {import("../types.js").Card} card
 * @param {import("../panels/result.js").Result} result
 */
function createLive(video, card, result) {
  const translation = make("canvas", { width: 1, height: 1 });
  translation.setAttribute("role", "img");
  translation.setAttribute("aria-label", t("webcam_result"));
  const rate = make("p", { className: "quiet" });
  const toggle = make("input", { type: "checkbox", checked: true, onchange: () => (toggle.checked ? void run() : stop()) });
  toggle.setAttribute("role", "switch");
  let running = new AbortController();
  const stop = () => running.abort();
  const frame = blank(1, 1);

  async function run() {
    running = new AbortController();
    const { signal } = running;
    /** @type {number[]} */
    const ended = [];
    while (!signal.aborted) {
      await new Promise(requestAnimationFrame); // also rests while the tab is hidden
      if (!video.videoWidth) continue;
      try {
        const { bitmap } = await result.translate(signal, result.now.sample, sourceOf(grab(), card));
        show(translation, bitmap, signal);
        ended.push(performance.now());
        if (ended.length > COUNTED) ended.shift();
        const seconds = (ended[ended.length - 1] - ended[0]) / 1000;
        if (seconds) rate.textContent = t("webcam_rate", { rate: ((ended.length - 1) / seconds).toFixed(1) });
      } catch (error) {
        if (signal.aborted) return;
        const { message, busy } = /** @type {Error & {busy?: boolean}} */ (error);
        rate.textContent = t(busy ? "webcam_busy" : message);
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      }
    }
  }

  /** Return what the webcam shows, at the size that the model takes. */
  function grab() {
    const size = fitSize({ width: video.videoWidth, height: video.videoHeight }, card);
    resizeCanvas(frame, size);
    contextOf(frame).drawImage(video, 0, 0, size.width, size.height);
    return frame;
  }

  void run();
  return { views: [translation], controls: [rate, make("label", { className: "switch" }, toggle, make("span", { textContent: t("live") }))], stop };
}

/** Return the stream; throws an Error whose message is a key of the words. */
async function start() {
  // Browsers hide cameras from pages on plain http.
  if (!navigator.mediaDevices) throw new Error("error_webcam_insecure");
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    const refused = /** @type {Error} */ (error).name === "NotAllowedError";
    throw new Error(refused ? "error_webcam_refused" : "error_webcam_none");
  }
}
