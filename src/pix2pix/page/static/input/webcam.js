/** Take a photograph with the webcam. */

import { openDialog } from "../panels/dialog.js";
import { make } from "../panels/dom.js";
import { report } from "../panels/notices.js";
import { t } from "../words/texts.js";

/**
 * @param {(blob: Blob) => void} onPhotograph
 */
export async function openWebcam(onPhotograph) {
  let stream;
  try {
    stream = await start();
  } catch (error) {
    report(error, "webcam");
    return;
  }
  const video = make("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const shoot = make("button", { className: "button main", type: "button", textContent: t("webcam_take") });
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  const dialog = openDialog(t("webcam_title"), [video, make("div", { className: "row end" }, shoot)], stop);
  shoot.onclick = () => {
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d")?.drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && onPhotograph(blob), "image/png");
    dialog.close();
  };
  shoot.focus();
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
