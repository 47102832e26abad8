/** The result: follow the drawing, show the time, offer modes and variants. */

import { createLive } from "../model/live.js";
import { createTranslator as createLocal } from "../model/local.js";
import { createTranslator as createRemote } from "../model/remote.js";
import { createEmitter } from "../paint/emitter.js";
import { contextOf, resizeCanvas } from "../paint/pictures.js";
import { t } from "../words/texts.js";
import { byId, segments } from "./dom.js";
import { announce, notify, report, withdraw } from "./notices.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").Mode} Mode
 * @typedef {import("../types.js").Translator} Translator
 * @typedef {ReturnType<typeof createResult>} Result
 */

// No progress line for translations that are quicker than this: it would flicker.
const QUICK_MS = 250;
const MB = 1e6;
/** @type {Mode[]} */
const MODES = ["paper", "deterministic", "running"];

/**
 * Events: `shown` (another result is on the canvas), `reset` (another model or mode), `blank` (no result).
 * @param {import("../paint/editor.js").Editor} editor
 * @param {{upToDate: HTMLCanvasElement}} source
 * @param {(signal: AbortSignal) => Promise<void>} whenIdle  work for a pause in drawing
 * @param {(canvas: HTMLCanvasElement) => void} finish  changes the result before it counts as shown
 */
export function createResult(editor, source, whenIdle, finish) {
  const { on, emit } = createEmitter();
  const canvas = byId("result");
  /** @type {Map<string, {translator: Translator, prepared: Promise<void>}>} */
  const translators = new Map();
  /** @type {{mode: Mode, sample: number, live: boolean}} */
  const now = { mode: "paper", sample: 0, live: true };
  let announces = false; // results that the user requested, not those that follow the drawing
  let busyTimer = 0;
  /** @type {{ms: number, backend: string}|null} */
  let latest = null;

  /** @param {AbortSignal} signal  @param {number} sample */
  async function translate(signal, sample) {
    const { translator, prepared } = ready(editor.card);
    await prepared;
    signal.throwIfAborted();
    return translator.translate(source.upToDate, { seed: 0, sample, mode: now.mode, signal });
  }

  /** @param {AbortSignal} signal */
  async function run(signal) {
    if (!editor.isReady) return blankOut();
    const { bitmap, milliseconds, backend } = await translate(signal, now.sample);
    show(canvas, bitmap, signal);
    finish(canvas);
    withdraw("translating");
    const ms = Math.round(milliseconds);
    latest = { ms, backend };
    showButtons(true);
    showTime();
    if (announces) announce(t("announce_translated", { ms }));
    announces = false;
    emit("shown");
  }

  /** Show the time and label the result, in the current language. */
  function showTime() {
    if (!latest) return;
    const { ms, backend } = latest;
    byId("time").textContent = t("time", { ms, backend: t(`backend_${backend}`).replace(/^backend_/, "") });
    canvas.setAttribute("aria-label", t("result_label", canvas));
  }

  /** @param {boolean} isShown  whether there is a result to save or vary */
  function showButtons(isShown) {
    for (const id of ["another", "four"]) byId(id).disabled = !isShown || now.mode !== "paper";
    for (const id of ["copy", "save-picture", "postcard"]) byId(id).disabled = !isShown;
  }

  /** Clear the result: there is nothing to translate, or it was that of another drawing. */
  function blankOut() {
    latest = null;
    showButtons(false);
    emit("blank");
    Object.assign(canvas, { width: 1, height: 1 });
    canvas.removeAttribute("aria-label");
    byId("time").textContent = "";
  }

  /** Return the model's translator: loaded once, with progress. @param {Card} card */
  function ready(card) {
    const known = translators.get(card.name);
    if (known) return known;
    const translator = (card.translate ? createRemote : createLocal)(card);
    const made = { translator, prepared: prepare(translator) };
    translators.set(card.name, made);
    made.prepared.catch(() => translators.get(card.name) === made && translators.delete(card.name));
    return made;
  }

  /** Close the translators of other models: a network in the page needs much memory. @param {string} open */
  function closeOthers(open) {
    for (const [name, { translator }] of translators) {
      if (name === open) continue;
      translators.delete(name);
      translator.close(); // also ends the download of its network
    }
  }

  const live = createLive({
    run,
    whenIdle,
    onBusy(busy) {
      clearTimeout(busyTimer);
      const show = () => byId("result-stage").setAttribute("aria-busy", String(busy));
      busyTimer = setTimeout(show, busy ? QUICK_MS : 0);
    },
    onError(error) {
      const { retryAfter, busy } = /** @type {any} */ (error);
      if (busy) notify("translating", { text: t("error_busy", { seconds: retryAfter }), error: true });
      else report(error, "translating");
    },
  });

  /** Return why the model does not offer a mode: on a server only `running` may be missing. */
  const reason = () => (editor.card.network ? "mode_not_exported" : "mode_no_averages");

  function showModes() {
    const modes = MODES.map((mode) => ({ value: mode, text: t(`mode_${mode}`), checked: mode === now.mode, disabled: !editor.card.modes.includes(mode) }));
    segments(byId("modes"), modes, (mode) => setMode(/** @type {Mode} */ (mode)));
    const reasons = modes.filter(({ disabled }) => disabled).map(({ text }) => t(reason(), { mode: text }));
    byId("mode-hint").textContent = [t(`mode_${now.mode}_hint`), ...reasons].join(" ");
    showButtons(latest !== null);
  }

  /** @param {Mode} mode */
  function setMode(mode) {
    Object.assign(now, { mode, sample: 0 });
    announces = true;
    showModes();
    emit("reset");
    live.request({ afresh: true });
  }

  editor.on("painted", () => now.live && live.request());
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
    closeOthers(editor.card.name);
    if (!now.live) live.request(); // the old result is another model's
  });

  return {
    on,
    now,
    canvas,
    /** Whether a result is shown. */
    get isShown() {
      return canvas.hasAttribute("aria-label");
    },
    translate,
    showModes,
    showTime,
    refresh: live.refresh,
    /** Translate now, whether live or not. */
    request() {
      announces = true;
      live.request({ afresh: true });
    },
    /** @param {boolean} isLive */
    setLive(isLive) {
      now.live = isLive;
      if (isLive) live.request();
    },
    /** @param {number} sample */
    setSample(sample) {
      now.sample = sample;
      announce(t("announce_variant", { number: sample + 1 }));
      live.request({ afresh: true });
    },
  };
}

/** Show a picture, unless its request was aborted. @param {HTMLCanvasElement} canvas  @param {ImageBitmap} bitmap  @param {AbortSignal} signal */
export function show(canvas, bitmap, signal) {
  if (signal.aborted) bitmap.close();
  signal.throwIfAborted();
  resizeCanvas(canvas, bitmap);
  contextOf(canvas).drawImage(bitmap, 0, 0);
  bitmap.close();
}

/** @param {Translator} translator */
async function prepare(translator) {
  try {
    await translator.prepare((/** @type {{loaded: number, total: number}} */ { loaded, total }) => {
      byId("fetching").hidden = false;
      byId("progress").value = total ? loaded / total : 0;
      const megabytes = (/** @type {number} */ bytes) => (bytes / MB).toFixed(1);
      byId("fetching-words").textContent =
        loaded < total ? t("fetching", { loaded: megabytes(loaded), total: megabytes(total) }) : t("starting");
    });
  } finally {
    byId("fetching").hidden = true;
  }
}
