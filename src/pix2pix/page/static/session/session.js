/** Which model and which drawing is open; every drawing is kept. */

import { thresholdsOf } from "../pixels/edges.js";
import { runPhotoTask } from "../pixels/photo.js";
import { keepsSize } from "../pixels/whole.js";
import { isLight, nearestSwatch } from "../paint/colours.js";
import { pictureStrokes } from "../paint/drawing.js";
import { drawingKey, newDrawing } from "../paint/editor.js";
import { decode } from "../session/pictures.js";
import { checkSaved, toSaved, within } from "../paint/saved.js";
import { notify, report, withdraw } from "../panels/notices.js";
import { t } from "../words/texts.js";
import { createExampleOrder } from "./example-order.js";
import { createKept } from "./kept.js";
import { createLoading } from "./loading.js";
import { keepChoice } from "./store.js";

/**
 * @typedef {import("../types.js").Card} Card
 * @typedef {import("../types.js").PictureStroke} PictureStroke
 * @typedef {import("../types.js").Stroke} Stroke
 * @typedef {import("../paint/saved.js").SavedDrawing} SavedDrawing
 */

const KEEP_MS = 400;
// A picture is of another kind if more than this share of its pixels fits no source of the model.
const NO_MAP = 0.3;
const NO_SKETCH = 0.12;
const MUCH = 4; // a picture made this many times smaller deserves a notice

/**
 * @param {readonly Card[]} cards
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../session/pictures.js").Pictures} pictures
 * @param {import("./store.js").Store} store
 * @param {import("./tab.js").Tab} tab
 */
export function createSession(cards, editor, pictures, store, tab) {
  const kept = createKept(store, tab);
  /** @type {Map<string, import("../types.js").Drawing>} */
  const drawings = new Map();
  const order = createExampleOrder();
  const { load, placePicture, stopWaiting } = createLoading(cards, editor, pictures);
  let [keeping, turns] = [0, 0];
  let isChanged = false; // since it was kept

  editor.on("changed", (/** @type {string} */ how) => {
    if (how === "undone") for (const name of ["picture", "opened"]) withdraw(name); // what they were about may be gone
    isChanged = true;
    clearTimeout(keeping);
    keeping = setTimeout(keep, KEEP_MS);
  });
  addEventListener("pagehide", keep);

  function keep() {
    if (isChanged) void kept.keep(drawingKey(editor.card), editor.drawing);
    isChanged = false;
  }

  /** @param {Card} card */
  async function firstDrawing(card) {
    const drawing = newDrawing(card);
    if (!card.examples.length) return drawing;
    const example = order.first(card.name, card.examples.map(({ name }) => name));
    const placed = await placePicture({ model: card.name, example }, card, () => editor.isEmpty && void openExample(example));
    if (placed) drawing.strokes.push(placed.stroke);
    return drawing;
  }

  /** Offer what another tab left. @param {string} key */
  async function offerOther(key) {
    const other = await kept.other(key);
    if (!other || drawingKey(editor.card) !== key) return;
    const open = async () => {
      const { card } = editor;
      const { width, height, ground, strokes } = toSaved(other.drawing, card).drawing;
      await load(strokes, card);
      if (card !== editor.card) return;
      editor.add({ tool: "drawing", width, height, ground, strokes });
      await kept.keep(key, editor.drawing);
      await kept.drop(key, other);
      await offerOther(key);
    };
    notify("tabs", { text: t("other_tab"), action: { text: t("other_tab_open"), run: () => void open().catch(report) } });
  }

  /** @param {Card} card */
  async function openModel(card) {
    keep();
    const turn = ++turns;
    const key = drawingKey(card);
    const known = drawings.get(key) ?? (await kept.open(key));
    const drawing = known ?? (await firstDrawing(card));
    drawings.set(key, drawing);
    await load([...drawing.strokes, ...drawing.undone], card);
    if (turn !== turns) return false; // another model was chosen meanwhile
    keepChoice("model", card.name);
    editor.open(card, drawing);
    pictures.keep([...drawing.strokes, ...drawing.undone], card);
    void offerOther(key);
    return !known;
  }

  /** Open a known pair: the named one, or one by chance. @param {string} [name] */
  async function openExample(name) {
    const { card } = editor;
    const example = name ?? order.next(card.name, card.examples.map((one) => one.name));
    const count = editor.drawing.strokes.length;
    // Where the visitor went on drawing meanwhile, a late example would only disturb.
    const late = () => editor.drawing.strokes.length === count && void openExample(example);
    const placed = await placePicture({ model: card.name, example }, card, late);
    if (!placed || card !== editor.card) return;
    stopWaiting();
    withdraw("picture");
    editor.add(placed.stroke);
  }

  return {
    openModel,
    openExample,
    /** Open a picture of the user's. @param {Blob} blob */
    async openPicture(blob) {
      const { card } = editor;
      const { width, height } = (await decode(blob, card)).dataset; // throws before a file that is no picture is stored
      const placed = await placePicture({ picture: await store.keepPicture(blob) }, card);
      if (!placed || card !== editor.card) return;
      for (const name of ["picture", "scaled"]) withdraw(name); // of an earlier one
      editor.add(placed.stroke);
      addHole();
      if (card.kind === "labels" && placed.picture.far > NO_MAP) notify("picture", { text: t("error_no_map"), error: true });
      if (card.kind === "sketch" && placed.picture.far > NO_SKETCH) offerEdges(blob, placed.stroke);
      else noteScaled(Number(width), Number(height), placed.stroke);
    },
    /** Open a saved or shared drawing. @param {unknown} value */
    async openSaved(value) {
      const saved = checkSaved(value);
      const [before, card] = [editor.card, cardFor(saved)];
      for (const [id, url] of Object.entries(saved.pictures ?? {})) {
        if (url.startsWith("data:image/")) await store.keepPicture(await (await fetch(url)).blob(), id);
      }
      if (editor.card !== before) return; // another model was chosen meanwhile
      if (card !== before) await openModel(card);
      const { width, height, ground } = saved.drawing;
      const strokes = fitColours(within(saved.drawing, card.max_px), card);
      await load(strokes, card);
      if (editor.card !== card) return;
      editor.add({ tool: "drawing", width, height, ground: fitColour(ground, card) ?? ground, strokes });
      notify("opened", { text: t("opened_drawing") });
      if (strokes.length > saved.drawing.strokes.length) notify("smaller", { text: t("opened_smaller", { max: card.max_px }) });
    },
    /** Return the drawing with its pictures, as a file. */
    async toFile() {
      const saved = toSaved(editor.drawing, editor.card);
      saved.pictures = {};
      for (const { picture: id } of pictureStrokes(saved.drawing.strokes)) {
        const blob = id && (await store.picture(id));
        if (id && blob) saved.pictures[id] = await toAddress(blob);
      }
      return new Blob([JSON.stringify(saved)], { type: "application/json" });
    },
    /** Start a new drawing; undo brings the old one back. */
    startFresh() {
      const { width, height, ground } = newDrawing(editor.card);
      editor.add({ tool: "drawing", width, height, ground, strokes: [] });
    },
    /** Delete stored pictures that no drawing uses. */
    tidy: () => store.tidy((drawing) => pictureStrokes([...drawing.strokes, ...drawing.undone]).map((s) => s.picture ?? "")),
  };

  /** Explain lost detail. @param {number} width  @param {number} height  @param {PictureStroke} stroke */
  function noteScaled(width, height, stroke) {
    if (width < MUCH * stroke.width) return;
    const [from, to] = [`${width} × ${height}`, `${stroke.width} × ${stroke.height}`];
    notify("scaled", { text: t(keepsSize(editor.card) ? "scaled_source" : "scaled_picture", { from, to }) });
  }

  /** Offer lines instead of a photograph. @param {Blob} photograph  @param {PictureStroke} stroke */
  function offerEdges(photograph, stroke) {
    const run = () => void drawEdges(photograph, stroke).catch((error) => report(error, "picture"));
    notify("picture", { text: t("sketch_photograph"), stays: true, action: { text: t("make_edges"), run } });
  }

  /** @param {Blob} photograph  @param {PictureStroke} stroke */
  async function drawEdges(photograph, { width, height }) {
    const { card } = editor;
    const lines = await runPhotoTask("edges", { photograph, size: { width, height }, thresholds: thresholdsOf(card.made), isLight: isLight(card.palette[0].colour) });
    const placed = await placePicture({ picture: await store.keepPicture(lines) }, card);
    if (placed && card === editor.card) editor.add({ ...placed.stroke, width, height });
  }

  /** Add the hole of models that were trained to fill the middle. */
  function addHole() {
    const { card, size } = editor;
    if (card.kind !== "mask" || !/^inpaint(:centre)?$/.test(card.made)) return;
    const [width, height] = [Math.round(size.width / 2), Math.round(size.height / 2)];
    const [left, top] = [Math.floor((size.width - width) / 2), Math.floor((size.height - height) / 2)];
    editor.add({ tool: "rectangle", colour: card.palette[0].colour, box: [left, top, width, height] });
  }

  /** Return the model of the saved drawing, or one of the same kind. @param {SavedDrawing} saved  @returns {Card} */
  function cardFor({ model, kind }) {
    const same = cards.filter((card) => card.kind === kind);
    const card = same.find(({ name }) => name === model) ?? same.find((other) => other === editor.card) ?? same[0];
    if (!card) throw Object.assign(new Error(t("error_other_kind", { kind: t(`kind_${kind}`) })), { hint: "" });
    return card;
  }

  /** @param {readonly Stroke[]} strokes  @param {Card} card  @returns {Stroke[]} */
  function fitColours(strokes, card) {
    const fitted = strokes.map((stroke) => ("colour" in stroke ? { ...stroke, colour: fitColour(stroke.colour, card) } : stroke));
    const differs = fitted.some((stroke, i) => "colour" in stroke && stroke.colour !== /** @type {any} */ (strokes[i]).colour);
    if (differs) notify("colours", { text: t("fitted_colours") });
    return /** @type {Stroke[]} */ (fitted);
  }
}

/** @param {string|null} colour  @param {Card} card */
function fitColour(colour, { palette }) {
  return colour === null || !palette.length ? colour : nearestSwatch(colour, palette).colour;
}

/** @param {Blob} blob  @returns {Promise<string>} */
function toAddress(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(/** @type {string} */ (reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
