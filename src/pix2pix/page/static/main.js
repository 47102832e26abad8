/** Build the page from its parts. */

import { createAddress } from "./session/address.js";
import { createAids } from "./input/aids.js";
import { followKeys } from "./input/cursor.js";
import { createFiles } from "./session/files.js";
import { followShortcuts, openKeys, press } from "./input/keys.js";
import { followPointers, followWheel } from "./input/pointer.js";
import { openTab } from "./session/tab.js";
import { createPick } from "./input/pick.js";
import { createSession } from "./session/session.js";
import { choices, createStore } from "./session/store.js";
import { createStrokeInput } from "./input/stroke-input.js";
import { openWebcam } from "./dialogs/webcam.js";
import { takeToken } from "./model/access.js";
import { fetchCards } from "./model/cards.js";
import { createCanvas } from "./view/canvas.js";
import { createChoice } from "./paint/choice.js";
import { basePicture, clearing } from "./paint/drawing.js";
import { createEditor } from "./paint/editor.js";
import { createMarks } from "./view/marks.js";
import { createOverlay } from "./view/overlay.js";
import { createPictures } from "./session/pictures.js";
import { createView } from "./view/view.js";
import { showAbout } from "./panels/about.js";
import { createAidsRow } from "./panels/aids.js";
import { createCompare } from "./result/compare.js";
import { byId } from "./panels/dom.js";
import { createExamples } from "./panels/examples.js";
import { createModels } from "./dialogs/models.js";
import { announce, describeStroke, notify, report, withdraw, withdrawAll } from "./panels/notices.js";
import { createPreferences } from "./panels/preferences.js";
import { createPostcard } from "./dialogs/postcard.js";
import { createReach } from "./panels/reach.js";
import { createResult } from "./result/result.js";
import { createStart } from "./panels/start.js";
import { openShare } from "./dialogs/share.js";
import { createSizes } from "./panels/sizes.js";
import { createToolbar, hasWidth, nameOf } from "./panels/toolbar.js";
import { createWaiting } from "./result/waiting.js";
import { createVariants } from "./result/variants.js";
import { createWhole } from "./result/whole.js";
import { className, fill, t } from "./words/texts.js";

const stage = byId("stage");
const tab = openTab();
const store = createStore((key) => notify("store", { text: t(key), error: true }));
const pictures = createPictures(store);
const editor = createEditor(pictures);
const choice = createChoice();
const view = createView(stage, document.documentElement);
const canvas = createCanvas(byId("drawing"), editor, shown);
const aids = createAids(editor, choice, () => {
  marks.draw();
  aidsRow.showSelected();
});
const strokeInput = createStrokeInput(editor, choice, createPick(choice, (colour) => nameOfColour(colour)), aids);
const overlay = createOverlay(byId("overlay"), view, () => strokeInput.closing);
const marks = createMarks(byId("overlay"), view, () => editor.card && { ...editor.size, ...choice.now, box: aids.selection });
const aidsRow = createAidsRow(editor, choice, aids);
const toolbar = createToolbar(editor, choice);
const waiting = createWaiting();
const whole = createWhole(editor, pictures, store);
const result = createResult(editor, canvas, whenIdle, waiting, (picture) => whole.keepRest(picture));
const variants = createVariants(() => result);
const base = () => {
  const stroke = basePicture(editor.drawing);
  return stroke && pictures.get(stroke, editor.card);
};
const compare = createCompare(byId("drawing"), () => base()?.known ?? null, () => ({ isReady: editor.isReady, isPhotograph: editor.card.ground < 0 }));
/** @type {ReturnType<typeof createExamples>|undefined} */
let examples;
const start = createStart(editor, (name) => openExample(name));
const reach = createReach();
const sizes = createSizes(editor, () => base()?.source ?? null);

/** @type {(name?: string) => void} */
let openExample = () => {};

/** @param {AbortSignal} signal */
async function whenIdle(signal) {
  if (await whole.enlarge(result.canvas, signal)) result.showTime();
  await variants.fill(signal);
}

/** @param {string} colour */
const nameOfColour = (colour) => className(editor.card.palette.find((swatch) => swatch.colour === colour)?.name ?? colour);

/** @param {boolean} sized */
function shown(sized) {
  const { width, height } = editor.image;
  if (sized) view.resize(width, height);
  labelDrawing();
  start.show();
  compare.update();
}

function labelDrawing() {
  const { width, height } = editor.image;
  byId("drawing").ariaLabel = t("drawing_label", { width, height });
}

function showState() {
  const { strokes, undone } = editor.drawing;
  byId("undo").disabled = strokes.length === 0;
  byId("redo").disabled = undone.length === 0;
  byId("empty").hidden = editor.isReady;
  for (const id of ["share", "save-drawing"]) byId(id).disabled = !editor.isReady;
  compare.build();
  sizes.build();
}

function showChoice() {
  const { kind } = editor.card;
  byId("hint").textContent = kind === "photograph" ? "" : t(`hint_${nameOf(choice.now.tool, kind)}`);
  stage.dataset.tool = choice.now.tool;
}

function showTitle() {
  const title = byId("drawing-title");
  title.dataset.words = editor.card.ground < 0 ? "photograph" : "drawing"; // so that it follows the language
  fill(title.parentElement);
}

/** Build all that depends on the language or the model. */
function build() {
  fill(document);
  if (!editor.card) return;
  showTitle();
  showAbout(editor.card);
  toolbar.build();
  labelDrawing();
  start.label();
  waiting.label();
  result.showModes();
  result.showTime();
  variants.mark();
  examples?.label();
  aidsRow.build();
  showState();
  showChoice();
}

editor.on("opened", () => {
  const { kind, examples } = editor.card;
  byId("editor").inert = false;
  delete document.documentElement.dataset.loading;
  reach.place();
  document.body.dataset.kind = kind;
  byId("keep-field").hidden = kind !== "mask";
  document.title = `${editor.card.name} · pix2pix`;
  showTitle();
  showAbout(editor.card);
  for (const id of ["example", "empty-example"]) byId(id).hidden = examples.length === 0;
  choice.begin(editor.card);
  showState();
});
editor.on("changed", (how, stroke) => {
  showState();
  start.invite(false);
  overlay.draw();
  const what = describeStroke(stroke, nameOfColour);
  announce(how === "added" ? what : t(`announce_${how}`, { what }));
});
choice.on("chosen", () => {
  marks.draw();
  if (stage.dataset.tool !== choice.now.tool) strokeInput.close(); // keeps what is drawn so far
  showChoice();
});
view.on("moved", () => (byId("zoom-now").textContent = `${Math.round(100 * view.zoom)} %`));
result.on("shown", variants.mark);
result.on("reset", variants.reset);
result.on("blank", () => variants.blank());

followPointers(stage, byId("drawing"), byId("editor"), strokeInput, view, (event) => {
  const isTouch = !event || event.pointerType === "touch";
  overlay.show(isTouch ? null : view.toDrawing(event), hasWidth(strokeInput.tool) ? choice.now.px : null);
});
followWheel(byId("result-stage"), view);
followKeys(byId("drawing"), strokeInput, editor, {
  show: (point) => overlay.show(point && { x: point.x + 0.5, y: point.y + 0.5 }, hasWidth(strokeInput.tool) ? choice.now.px : null, true),
  nameOf: nameOfColour,
});

/** @param {string} id  @param {() => void} run */
const onClick = (id, run) => byId(id).addEventListener("click", run);
const undo = () => (strokeInput.isDrawing ? strokeInput.cancel() : editor.undo());
onClick("undo", undo);
onClick("redo", editor.redo);
onClick("clear", () => editor.add(clearing(editor.drawing, editor.card.kind === "mask")));
onClick("zoom-in", view.zoomIn);
onClick("zoom-out", view.zoomOut);
onClick("zoom-fit", () => view.fit());
onClick("translate", result.request);
onClick("another", variants.another);
onClick("keys", () => editor.card && openKeys(editor.card.kind));
onClick("postcard", createPostcard(editor, result));
byId("keep-rest").addEventListener("change", result.request);
byId("live").addEventListener("change", () => result.setLive(byId("live").checked));
const preferences = createPreferences(() => {
  withdrawAll();
  build();
});

async function begin() {
  byId("not-started").remove();
  preferences.useLanguage();
  takeToken();
  const cards = await fetchCards((error) => report(error, "start", reload()));
  withdraw("start");
  if (!cards.length) throw new Error("error_empty_models");
  const session = createSession(cards, editor, pictures, store, await tab);
  const files = createFiles(editor, session, () => whole.toFile(result.canvas));
  const models = createModels(cards, (name) => {
    withdrawAll();
    void openModel(name).catch(report);
  });
  const openModel = async (/** @type {string} */ name) => {
    const card = cards.find((other) => other.name === name) ?? cards[0];
    waiting.wait("waits_model");
    const isNew = await session.openModel(card);
    models.show(editor.card);
    byId("invite").dataset.words = `invite_${card.kind}`; // so that it follows the language
    fill(document);
    start.invite(isNew);
  };
  openExample = (name) => void session.openExample(name).then(() => withdraw("error")).catch(report);
  examples = createExamples(editor, openExample);
  for (const id of ["example", "empty-example"]) onClick(id, () => openExample());
  for (const id of ["open", "upload", "empty-upload"]) onClick(id, files.choose);
  onClick("webcam", () => void openWebcam(files.open, editor, result));
  onClick("save-drawing", () => void files.saveDrawing());
  onClick("save-picture", () => void files.savePicture());
  onClick("copy", () => void files.copyPicture());
  onClick("fresh", session.startFresh);
  followShortcuts(editor, choice, strokeInput, toolbar.colourOf, {
    "ctrl+z": undo, "ctrl+shift+z": editor.redo, "ctrl+y": editor.redo, "ctrl+s": () => press("save-drawing"), "ctrl+o": () => press("open"),
    delete: () => press(aids.hasSelected ? "remove-shape" : "clear"), "ctrl+d": () => press("copy-shape"), "+": view.zoomIn, "-": view.zoomOut, "=": () => view.fit(), "?": () => press("keys"),
    n: () => press("example"), t: () => press("translate"), v: () => press("another"), c: compare.step, s: () => press("save-picture"),
  });
  const address = createAddress(cards, editor, choice, result, { openModel, openSaved: session.openSaved });
  onClick("share", () => void openShare(editor, address.withDrawing).catch(report));
  await address.follow(choices().model);
  await session.tidy();
}

const reload = () => ({ text: t("retry"), run: () => location.reload() });
begin().catch((error) => report(error, "start", reload()));
