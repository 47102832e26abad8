/**
 * What the page's address says after `#`: the model, the tool and the class, variant, mode, whether the
 * result is live, and a shared drawing. Only what differs from how a model begins is there.
 */

import { firstChoice, TOOLS } from "../paint/choice.js";
import { unpack } from "../paint/saved.js";
import { report } from "../panels/notices.js";

// Browsers refuse an address that changes very often.
const WRITE_MS = 300;
const DRAWING = "d";

/** @typedef {ReturnType<typeof createAddress>} Address */

/**
 * Follow the address, and keep it up to date.
 * @param {readonly import("../types.js").Card[]} cards
 * @param {import("../paint/editor.js").Editor} editor
 * @param {import("../paint/choice.js").Choice} choice
 * @param {import("../result/result.js").Result} result
 * @param {{openModel: (name: string|undefined) => Promise<void>, openSaved: (saved: unknown) => Promise<void>}} session
 */
export function createAddress(cards, editor, choice, result, { openModel, openSaved }) {
  let writing = 0;

  function parts() {
    const { card } = editor;
    const { palette } = card;
    const [{ tool, colour }, first] = [choice.now, firstChoice(card)];
    const { mode, sample, live } = result.now;
    const chosen = [
      ["model", cards.length > 1 ? card.name : ""],
      ["tool", tool === first.tool ? "" : tool],
      ["class", colour === first.colour ? "" : palette.find((swatch) => swatch.colour === colour)?.name ?? ""],
      ["variant", sample === 0 ? "" : String(sample + 1)],
      ["mode", mode === card.mode ? "" : mode],
      ["live", live ? "" : "off"],
    ];
    return new URLSearchParams(chosen.filter(([, value]) => value));
  }

  function update() {
    clearTimeout(writing);
    writing = setTimeout(() => write(parts()), WRITE_MS);
  }

  editor.on("opened", update);
  choice.on("chosen", update);
  result.on("chosen", update);

  /** Choose what an address says; what the model does not have is ignored. @param {URLSearchParams} parameters */
  function apply(parameters) {
    const { kind, palette, mode } = editor.card;
    const tool = TOOLS[kind].find((name) => name === parameters.get("tool"));
    const colour = palette.find(({ name }) => name === parameters.get("class"))?.colour;
    if (tool || colour) choice.set({ ...(tool && { tool }), ...(colour && { colour }) });
    const variant = Math.floor(Number(parameters.get("variant")));
    const sample = variant >= 1 && variant < 2 ** 31 ? variant - 1 : 0;
    if (["variant", "mode", "live"].some((name) => parameters.has(name))) {
      result.restore({ mode: parameters.get("mode") ?? mode, sample, isLive: parameters.get("live") !== "off" });
    }
  }

  /** Show what the address says. A drawing in it is the visitor's own from now on. @param {string|undefined} model  without one in the address */
  async function follow(model) {
    const parameters = new URLSearchParams(location.hash.slice(1));
    const packed = parameters.get(DRAWING);
    parameters.delete(DRAWING);
    if (packed !== null) write(parameters);
    const name = cards.find((card) => card.name === parameters.get("model"))?.name ?? model;
    if (!editor.card || name !== editor.card.name) await openModel(name);
    if (packed !== null) await unpack(packed).then(openSaved).catch(report);
    apply(parameters);
  }

  addEventListener("hashchange", () => void follow(editor.card.name).catch(report));

  return {
    follow,
    /** Return an address that also holds a drawing. @param {string} packed */
    withDrawing: (packed) => toAddress(new URLSearchParams([...parts(), [DRAWING, packed]])),
  };
}

/** @param {URLSearchParams} parts */
function toAddress(parts) {
  const page = location.href.split("#")[0];
  return parts.size ? `${page}#${parts}` : page;
}

/** @param {URLSearchParams} parts */
function write(parts) {
  const address = toAddress(parts);
  if (address !== location.href) history.replaceState(null, "", address);
}
