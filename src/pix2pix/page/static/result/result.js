/** The result: follow the drawing, show the time, offer modes and variants. */

import { createLive } from "../model/live.js";
import { createTranslators } from "../model/translators.js";
import { createEmitter } from "../paint/emitter.js";
import { showPicture } from "../paint/canvases.js";
import { sentences, t } from "../words/texts.js";
import { byId, segments } from "../panels/dom.js";
import { fetchShipped, prepare } from "./fetching.js";
import { announce, notify, report, withdraw } from "../panels/notices.js";

/**
 * @typedef {import("../types.js").Mode} Mode
 * @typedef {ReturnType<typeof createResult>} Result
 */

// No progress line for translations that are quicker than this: it would flicker.
const QUICK_MS = 250;
/** @type {Mode[]} */
const MODES = ["paper", "deterministic", "running"];

/**
 * Events: `shown` (another result is on the canvas), `reset` (another model or mode), `blank` (no result),
 * `chosen` (another mode or variant, live or not).
 * @param {import("../paint/editor.js").Editor} editor
 * @param {{upToDate: HTMLCanvasElement}} source
 * @param {(signal: AbortSignal) => Promise<void>} whenIdle  work for a pause in drawing
 * @param {import("./waiting.js").Waiting} waiting
 * @param {(canvas: HTMLCanvasElement) => void} finish  changes the result before it counts as shown
 */
export function createResult(editor, source, whenIdle, waiting, finish) {
  const { on, emit } = createEmitter();
  const canvas = byId("result");
  const translators = createTranslators(prepare);
  /** @type {{mode: Mode, sample: number, live: boolean}} */
  const now = { mode: "paper", sample: 0, live: true };
  let announces = false; // results that the user requested, not those that follow the drawing
  let busyTimer = 0;
  let [changes, sent] = [0, 0]; // of the drawing, up to now and up to the latest request
  let isDue = false; // a result that is not shown yet
  /** @type {{ms: number, backend: string}|null} */
  let latest = null;

  const varies = () => now.mode === "paper" && editor.card.has_noise;

  /** @param {AbortSignal} signal  @param {number} sample  @param {HTMLCanvasElement} [picture]  in place of the drawing */
  async function translate(signal, sample, picture) {
    const { translator, prepared, isReady } = translators.ready(editor.card);
    if (!isReady) await showShipped(signal);
    await prepared;
    signal.throwIfAborted();
    sent = changes;
    return translator.translate(picture ?? source.upToDate, { seed: 0, sample, mode: now.mode, signal });
  }

  /** @param {AbortSignal} signal */
  async function run(signal) {
    if (editor.isEmpty) return blankOut();
    const { bitmap, milliseconds, backend } = await translate(signal, now.sample);
    show(canvas, bitmap, signal);
    finish(canvas);
    withdraw("translating");
    waiting.end();
    isDue = sent !== changes;
    if (isDue) showStale();
    const ms = Math.round(milliseconds);
    latest = { ms, backend };
    showButtons(true);
    showTime();
    if (announces) announce(t("announce_translated", { ms }));
    announces = false;
    emit("shown");
  }

  /** Show the result that came with an exported page, until the network is there. @param {AbortSignal} signal */
  async function showShipped(signal) {
    if (latest || now.sample !== 0 || now.mode !== editor.card.mode) return;
    const bitmap = await fetchShipped(editor.drawing, editor.card);
    if (!bitmap || latest) return;
    show(canvas, bitmap, signal);
    waiting.end();
    latest = { ms: 0, backend: "shipped" };
    showTime();
  }

  /** The result is not that of the drawing, or there is none yet. */
  function showStale() {
    isDue = true;
    if (now.live) waiting.wait("waits_result");
    else if (latest) waiting.wait("stale_off", true);
  }

  /** Show the time and label the result, in the current language. */
  function showTime() {
    if (!latest) return;
    const { ms, backend } = latest;
    const isShipped = backend === "shipped";
    byId("shipped").hidden = !isShipped;
    byId("time").textContent = isShipped ? "" : t("time", { ms, backend: t(`backend_${backend}`).replace(/^backend_/, "") });
    Object.assign(canvas, { ariaLabel: t("result_label", canvas), role: "img" }); // an empty frame is no picture
  }

  /** @param {boolean} isShown  whether there is a result to save or vary */
  function showButtons(isShown) {
    for (const id of ["another", "four"]) byId(id).disabled = !isShown || !varies();
    for (const id of ["copy", "save-picture", "postcard"]) byId(id).disabled = !isShown;
  }

  /** Clear the result: there is nothing to translate, or it was that of another drawing. */
  function blankOut() {
    latest = null;
    waiting.end();
    showButtons(false);
    emit("blank");
    Object.assign(canvas, { width: 1, height: 1, ariaLabel: null, role: null });
    byId("time").textContent = "";
  }

  const live = createLive({
    run,
    whenIdle,
    onBusy(busy) {
      clearTimeout(busyTimer);
      const show = () => (byId("result-stage").ariaBusy = String(busy));
      busyTimer = setTimeout(show, busy ? QUICK_MS : 0);
    },
    onError(error) {
      const { retryAfter, busy } = /** @type {any} */ (error);
      if (busy) notify("translating", { text: t("error_busy", { seconds: retryAfter }), error: true });
      else report(error, "translating");
      if (isDue) waiting.wait(retryAfter ? "waits_server" : "waits_failed", true);
    },
  });

  /** Translate once more, whether live or not: what is under way is useless. */
  function again() {
    isDue = true;
    waiting.wait("waits_result");
    live.request({ afresh: true });
  }
  /** Return why the model does not offer some modes: on a server only `running` may be missing. */
  const reason = () => (editor.card.network ? "mode_not_exported" : "mode_no_averages");

  function showModes() {
    const modes = MODES.map((mode) => ({ value: mode, text: t(`mode_${mode}`), checked: mode === now.mode, disabled: !editor.card.modes.includes(mode) }));
    segments(byId("modes"), modes, (mode) => setMode(/** @type {Mode} */ (mode)));
    const missing = modes.filter(({ disabled }) => disabled).map(({ text }) => text);
    const hint = now.mode === "paper" && !varies() ? "mode_paper_no_noise" : `mode_${now.mode}_hint`;
    byId("mode-hint").textContent = sentences(t(hint), missing.length ? t(reason(), { modes: missing.join(", ") }) : "");
    showButtons(latest !== null);
  }

  /** @param {Mode} mode */
  function setMode(mode) {
    Object.assign(now, { mode, sample: 0 });
    announces = true;
    showModes();
    emit("reset");
    emit("chosen");
    again();
  }

  editor.on("painted", () => {
    changes++;
    if (!editor.isEmpty) showStale();
    if (now.live) live.request();
  });
  // The strokes of a hole decide over what the photograph keeps: once more with the finished one.
  editor.on("changed", () => editor.card.kind === "mask" && now.live && live.request());
  editor.on("changed", (/** @type {string} */ how, /** @type {import("../types.js").Stroke} */ stroke) => {
    if (how !== "undone" && (stroke.tool === "clear" || stroke.tool === "drawing")) blankOut();
  });
  editor.on("opened", () => {
    Object.assign(now, { mode: editor.card.mode, sample: 0 });
    showModes();
    blankOut();
    emit("reset");
    live.stop();
    translators.closeOthers(editor.card.name);
    if (!now.live) live.request(); // the old result is another model's
  });

  return {
    on,
    now,
    canvas,
    /** Whether a result is shown. */
    get isShown() {
      return canvas.ariaLabel !== null;
    },
    /** Whether other noise gives another result. */
    get varies() {
      return varies();
    },
    translate,
    showModes,
    showTime,
    refresh: live.refresh,
    /** Translate now, whether live or not. */
    request() {
      announces = true;
      again();
    },
    /** @param {boolean} isLive */
    setLive(isLive) {
      now.live = isLive;
      emit("chosen");
      if (isLive) live.request();
    },
    /** Take what an address says; what the model does not have is ignored. @param {{mode: string, sample: number, isLive: boolean}} choice */
    restore({ mode, sample, isLive }) {
      const known = /** @type {Mode} */ (mode);
      if (editor.card.modes.includes(known)) now.mode = known;
      now.sample = varies() ? sample : 0;
      now.live = byId("live").checked = isLive;
      showModes();
      emit("reset");
      again();
    },
    /** @param {number} sample */
    setSample(sample) {
      now.sample = sample;
      emit("chosen");
      announce(t("announce_variant", { number: sample + 1 }));
      again();
    },
  };
}

/** Show a picture, unless its request was aborted. @param {HTMLCanvasElement} canvas  @param {ImageBitmap} bitmap  @param {AbortSignal} signal */
export function show(canvas, bitmap, signal) {
  if (signal.aborted) bitmap.close();
  signal.throwIfAborted();
  showPicture(canvas, bitmap);
  bitmap.close();
}

