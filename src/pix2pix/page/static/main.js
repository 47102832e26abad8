/** The page: puts its parts together. */

import { createCanvas } from "./canvas.js";
import { createChoice } from "./choice.js";
import { createCompare } from "./compare.js";
import { followKeys } from "./cursor.js";
import { byId } from "./dom.js";
import { basePicture, clearing } from "./drawing.js";
import { createFiles } from "./files.js";
import { createHand } from "./hand.js";
import { followShortcuts, openKeys, press } from "./keys.js";
import { createKit, hasWidth, nameOf } from "./kit.js";
import { notify, report, say, withdraw, withdrawAll } from "./notices.js";
import { createOverlay } from "./overlay.js";
import { createPictures } from "./pictures.js";
import { followPointers, followWheel } from "./pointer.js";
import { createResult } from "./result.js";
import { createSession } from "./session.js";
import { openShare, readAddress } from "./share.js";
import { createSizes } from "./sizes.js";
import { choices, createStore, keepChoice } from "./store.js";
import { createStudio } from "./studio.js";
import { describe } from "./telling.js";
import { createVariants } from "./variants.js";
import { createView } from "./view.js";
import { openWebcam } from "./webcam.js";
import { fill, languages, pickLanguage, speak, t } from "./words.js";

const stage = byId("stage");
const store = createStore((key) => notify("store", { text: t(key), error: true }));
const pictures = createPictures(store);
const studio = createStudio(pictures);
const choice = createChoice();
const view = createView(stage, document.documentElement);
const canvas = createCanvas(byId("drawing"), studio, shown);
const hand = createHand(studio, choice, pick);
const overlay = createOverlay(byId("overlay"), view);
const kit = createKit(studio, choice);
const result = createResult(studio, canvas, (signal) => variants.fill(signal));
const variants = createVariants(() => result);
const base = () => {
  const stroke = basePicture(studio.drawing);
  return stroke && pictures.get(stroke, studio.card);
};
const compare = createCompare(byId("drawing"), () => base()?.known ?? null);
const sizes = createSizes(studio, () => base()?.source ?? null);

/** @param {string} colour */
const nameOfColour = (colour) => studio.card.palette.find((swatch) => swatch.colour === colour)?.name ?? colour;

/** @param {string} colour */
function pick(colour) {
  choice.set({ colour });
  say(t("said_picked", { colour: nameOfColour(colour) }));
}

/** @param {boolean} sized */
function shown(sized) {
  const { width, height } = studio.image;
  if (sized) view.resize(width, height);
  labelDrawing();
  compare.update();
}

function labelDrawing() {
  const { width, height } = studio.image;
  byId("drawing").setAttribute("aria-label", t("drawing_label", { width, height }));
}

function showState() {
  const { strokes, undone } = studio.drawing;
  byId("undo").disabled = strokes.length === 0;
  byId("redo").disabled = undone.length === 0;
  byId("empty").hidden = studio.isReady;
  for (const id of ["translate", "share", "save-drawing"]) byId(id).disabled = !studio.isReady;
  compare.build();
  sizes.build();
}

function showChoice() {
  const { kind } = studio.card;
  byId("hint").textContent = kind === "photograph" ? "" : t(`hint_${nameOf(choice.now.tool, kind)}`);
  stage.dataset.tool = choice.now.tool;
}

function showTitle() {
  byId("drawing-title").textContent = t(studio.card.ground < 0 ? "photograph" : "drawing");
}

/** All that depends on the language or the model. */
function build() {
  fill(document);
  if (!studio.card) return;
  showTitle();
  kit.build();
  labelDrawing();
  result.showModes();
  result.showTime();
  variants.mark();
  showState();
  showChoice();
}

studio.on("opened", () => {
  const { kind, examples } = studio.card;
  byId("studio").inert = false;
  byId("result-stage").append(byId("notices")); // where they hide no button
  document.body.dataset.kind = kind;
  byId("model").value = studio.card.name;
  document.title = `${studio.card.name} · pix2pix`;
  showTitle();
  for (const id of ["example", "empty-example"]) byId(id).hidden = examples.length === 0;
  choice.begin(studio.card);
  showState();
});
studio.on("changed", (how, stroke) => {
  showState();
  byId("invite").hidden = true;
  const what = describe(stroke, nameOfColour);
  say(how === "added" ? what : t(`said_${how}`, { what }));
});
choice.on("chosen", () => {
  if (stage.dataset.tool !== choice.now.tool) hand.cancel();
  showChoice();
});
view.on("moved", () => (byId("zoom-now").textContent = `${Math.round(100 * view.zoom)} %`));
result.on("shown", variants.mark);
result.on("reset", variants.reset);
result.on("blank", () => variants.blank());

followPointers(stage, byId("drawing"), hand, view, (event) => {
  const isTouch = !event || event.pointerType === "touch";
  overlay.show(isTouch ? null : view.toDrawing(event), hasWidth(hand.tool) ? choice.now.px : null);
});
followWheel(byId("result-stage"), view);
followKeys(byId("drawing"), hand, studio, {
  show: (point) => overlay.show(point && { x: point.x + 0.5, y: point.y + 0.5 }, hasWidth(hand.tool) ? choice.now.px : null, true),
  nameOf: nameOfColour,
});

/** @param {string} id  @param {() => void} run */
const onClick = (id, run) => byId(id).addEventListener("click", run);
const undo = () => (hand.isDrawing ? hand.cancel() : studio.undo());
onClick("undo", undo);
onClick("redo", studio.redo);
onClick("clear", () => studio.add(clearing(studio.drawing, studio.card.kind === "mask")));
onClick("zoom-in", view.zoomIn);
onClick("zoom-out", view.zoomOut);
onClick("zoom-fit", () => view.fit());
onClick("translate", result.ask);
onClick("another", variants.another);
onClick("keys", () => studio.card && openKeys(studio.card.kind));
onClick("share", () => void openShare(studio).catch(report));
byId("live").addEventListener("change", () => result.setLive(byId("live").checked));
onClick("theme", () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  keepChoice("theme", document.documentElement.dataset.theme);
});

const languageChoice = byId("language");
languageChoice.replaceChildren(...languages().map(([code, name]) => new Option(name, code)));
languageChoice.value = pickLanguage([choices().language ?? "", ...navigator.languages]);
languageChoice.addEventListener("change", () => {
  keepChoice("language", languageChoice.value);
  speak(languageChoice.value);
  withdrawAll();
  build();
});

/** @returns {Promise<import("./types.js").Card[]>} */
async function fetchCards() {
  const address = /** @type {HTMLMetaElement} */ (document.querySelector('meta[name="pix2pix-models"]')).content;
  try {
    const answer = await fetch(address);
    return (await answer.json()).models;
  } catch {
    throw Object.assign(new Error("error_no_models"), { hint: "hint_no_models" });
  }
}

async function start() {
  byId("not-started").remove();
  speak(languageChoice.value);
  const cards = await fetchCards();
  if (!cards.length) throw new Error("error_empty_models");
  const session = createSession(cards, studio, pictures, store);
  const files = createFiles(studio, session, result.canvas);
  const openModel = async (/** @type {string} */ name) => {
    const card = cards.find((other) => other.name === name) ?? cards[0];
    const isNew = await session.openModel(card);
    byId("invite").dataset.words = `invite_${card.kind}`; // so that it follows the language
    fill(document);
    byId("invite").hidden = !isNew || !studio.isReady;
  };
  const example = () => void session.openExample().then(() => withdraw("error")).catch(report);
  onClick("example", example);
  onClick("empty-example", example);
  for (const id of ["open", "upload", "empty-upload"]) onClick(id, files.choose);
  onClick("webcam", () => void openWebcam(files.open));
  onClick("save-drawing", () => void files.saveDrawing());
  onClick("save-picture", files.savePicture);
  onClick("copy", () => void files.copyPicture());
  onClick("fresh", session.startFresh);
  followShortcuts(studio, choice, hand, kit.colourOf, {
    "ctrl+z": undo, "ctrl+shift+z": studio.redo, "ctrl+y": studio.redo, "ctrl+s": () => press("save-drawing"), "ctrl+o": () => press("open"),
    delete: () => press("clear"), "+": view.zoomIn, "-": view.zoomOut, "=": () => view.fit(), "?": () => press("keys"),
    n: () => press("example"), t: () => press("translate"), v: () => press("another"), c: compare.step, s: () => press("save-picture"),
  });
  byId("model").replaceChildren(...cards.map(({ name }) => new Option(name, name)));
  byId("model").disabled = cards.length < 2;
  byId("model").addEventListener("change", () => {
    withdrawAll();
    void openModel(byId("model").value).catch(report);
  });
  const shared = await readAddress().catch((error) => (report(error), null));
  await openModel(choices().model);
  if (shared) await session.openDocument(shared).catch(report);
  await session.tidy();
}

start().catch((error) => report(error, "start", { text: t("retry"), run: () => location.reload() }));
