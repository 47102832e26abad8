/** Take a photograph with the webcam; for models of photographs, see the translation of what it shows now. */

import { openDialog } from "./dialog.js";
import { make, textButton, toggle } from "../panels/dom.js";
import { report } from "../panels/notices.js";
import { show } from "../result/result.js";
import { sleep } from "../model/waits.js";
import { blankCanvas, contextOf, resizeCanvas, toPng } from "../paint/canvases.js";
import { fitSize, sourceOf } from "../session/pictures.js";
import { t } from "../words/texts.js";

const WAIT_MS = 1000; // after a refusal of a busy server
const COUNTED = 8; // pictures, of which the rate is the mean

/**
 * @param {(blob: Blob) => void} onPhotograph
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../result/result.js").Result} result
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
  const shoot = textButton(t("webcam_take"), takePhoto, "button main");
  const live = editor.card.kind === "photograph" ? createLive(video, editor.card, result) : null;
  const stop = () => {
    live?.stop();
    stream.getTracks().forEach((track) => track.stop());
  };
  const views = make("div", { className: live ? "webcam two" : "webcam" }, video, ...(live?.views ?? []));
  const dialog = openDialog(t("webcam_title"), [views, make("div", { className: "row end" }, ...(live?.controls ?? []), shoot)], stop);
  shoot.focus();

  function takePhoto() {
    const canvas = blankCanvas({ width: video.videoWidth, height: video.videoHeight });
    contextOf(canvas).drawImage(video, 0, 0);
    void toPng(canvas).then((blob) => blob && onPhotograph(blob));
    dialog.close();
  }
}

/**
 * Translate picture after picture, as quickly as the machine does it.
 * @param {HTMLVideoElement} video
 * @param {import("../types.js").Card} card
 * @param {import("../result/result.js").Result} result
 */
function createLive(video, card, result) {
  const translation = make("canvas", { width: 1, height: 1, role: "img", ariaLabel: t("webcam_result") });
  const rate = make("p", { className: "quiet" });
  const live = toggle(t("live"), true, (isOn) => (isOn ? void run() : stop()));
  let running = new AbortController();
  const stop = () => running.abort();
  const frame = blankCanvas({ width: 1, height: 1 });

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
        await sleep(WAIT_MS);
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
  return { views: [translation], controls: [rate, live], stop };
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
