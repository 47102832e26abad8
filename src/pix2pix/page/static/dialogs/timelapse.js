/** A time-lapse of the drawing and its results, recorded by the browser as a video without sound. */

import { sleep } from "../model/waits.js";
import { fromPixels } from "../paint/canvases.js";
import { drawPostcard } from "../paint/postcard.js";
import { statesOf } from "../paint/timelapse.js";
import { t } from "../words/texts.js";
import { make, statusLine, textButton } from "../panels/dom.js";

const [MOST_STATES, STATES_A_SECOND, LAST_MS] = [60, 8, 1500];
const BITS_A_SECOND = 5e6;
// VP8 first: it is the quickest to compress, and every browser that writes WebM has it. Safari writes MP4.
const TYPES = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];

/** @typedef {{canvas: HTMLCanvasElement, result: ImageBitmap|null}} State */

/** Return the kind of video that this browser records, or undefined. */
export const recordedType = () =>
  typeof MediaRecorder === "undefined" ? undefined : TYPES.find((type) => MediaRecorder.isTypeSupported(type));

/**
 * Translate every state of the drawing, except empty sheets.
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../result/result.js").Result} result
 * @param {(done: number, of: number) => void} onProgress
 * @param {AbortSignal} signal
 * @param {State[]} states  gets each state as soon as it is translated
 */
async function translateStates(editor, result, onProgress, signal, states) {
  const surface = editor.newSurface();
  const drawings = statesOf(editor.drawing, MOST_STATES);
  for (const [i, drawing] of drawings.entries()) {
    onProgress(i, drawings.length);
    surface.replay(drawing);
    if (editor.card.ground < 0 && !surface.hasPicture) continue; // there was no photograph yet
    const { width, height, pixels } = surface.image;
    const canvas = fromPixels(pixels.slice(), { width, height });
    const isBlank = editor.card.ground >= 0 && surface.isPlain;
    states.push({ canvas, result: isBlank ? null : (await result.translate(signal, result.now.sample, canvas)).bitmap });
    signal.throwIfAborted();
  }
}

/**
 * Record the states as a video; takes as long as the video does.
 * @param {State[]} states
 * @param {(canvas: HTMLCanvasElement, state: State) => void} draw
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
async function record(states, draw, signal) {
  const canvas = make("canvas");
  draw(canvas, states[states.length - 1]); // the size of the largest state that matters
  const stream = canvas.captureStream(0);
  const [track] = /** @type {CanvasCaptureMediaStreamTrack[]} */ (stream.getVideoTracks());
  const type = recordedType();
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: BITS_A_SECOND });
  /** @type {Blob[]} */
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start();
  for (const [i, state] of states.entries()) {
    draw(canvas, state);
    track.requestFrame();
    await sleep(i === states.length - 1 ? LAST_MS : 1000 / STATES_A_SECOND);
    if (signal.aborted) break;
  }
  track.requestFrame(); // the last one is shown until the end
  recorder.stop();
  await stopped;
  track.stop();
  signal.throwIfAborted();
  return new Blob(parts, { type: type?.split(";")[0] });
}

/**
 * Create the part of a dialog that records a time-lapse.
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../result/result.js").Result} result
 * @param {() => import("./postcard.js").Frame} frame  what all its pictures have in common
 * @param {(file: () => Promise<File>, status: HTMLElement) => Node} handOver
 */
export function createTimelapse(editor, result, frame, handOver) {
  const ended = new AbortController();
  const start = textButton(t("timelapse_record"), () => void run());
  const status = statusLine(t("timelapse_hint"));
  const place = make("div", { className: "dialog-body" });
  let address = "";

  async function run() {
    start.disabled = true;
    const progress = make("progress", { max: 1, ariaLabel: t("timelapse_record") });
    place.replaceChildren(progress);
    /** @type {State[]} */
    const states = [];
    try {
      const onProgress = (/** @type {number} */ done, /** @type {number} */ of) => {
        progress.value = done / of;
        status.textContent = t("timelapse_translating", { done: done + 1, of });
      };
      await translateStates(editor, result, onProgress, ended.signal, states);
      progress.removeAttribute("value");
      status.textContent = t("timelapse_recording");
      const { postcard, style } = frame();
      const draw = (/** @type {HTMLCanvasElement} */ canvas, /** @type {State} */ state) =>
        drawPostcard(canvas, { ...postcard, drawing: state.canvas, result: state.result }, style);
      const video = await record(states, draw, ended.signal);
      show(video, postcard.model);
    } catch {
      if (ended.signal.aborted) return;
      place.replaceChildren();
      status.textContent = t("timelapse_failed");
    } finally {
      for (const state of states) state.result?.close();
    }
    start.disabled = false;
  }

  /** @param {Blob} blob  @param {string} name */
  function show(blob, name) {
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(blob);
    const video = make("video", { src: address, controls: true, loop: true, muted: true, autoplay: true, playsInline: true, className: "lapse", ariaLabel: t("timelapse") });
    const file = async () => new File([blob], `${name}.${blob.type.includes("mp4") ? "mp4" : "webm"}`, { type: blob.type });
    status.textContent = t("timelapse_ready");
    place.replaceChildren(video, handOver(file, status));
  }

  const isEmpty = editor.drawing.strokes.length === 0;
  start.disabled = isEmpty || !recordedType();
  if (start.disabled) status.textContent = t(isEmpty ? "timelapse_nothing" : "timelapse_impossible");
  return {
    nodes: [make("h3", { textContent: t("timelapse") }), make("div", { className: "row" }, start), status, place],
    end() {
      ended.abort();
      URL.revokeObjectURL(address);
    },
  };
}
