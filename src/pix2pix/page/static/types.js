/**
 * The types of this page; nothing runs here.
 *
 * Coordinates are pixels of the drawing, x to the right, y down, the corner of the first pixel at
 * 0, 0. A colour is "#rrggbb". A pixel is a number as a Uint32Array over RGBA bytes holds it.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {{left: number, top: number, right: number, bottom: number}} Box  right and bottom excluded
 * @typedef {{pixels: Uint32Array, width: number, height: number}} Image
 *
 * @typedef {{tool: "brush", colour: string|null, px: number, points: number[], pressure?: number[]}} BrushStroke
 *   points: x, y, x, y, ...; colour null erases; pressure: 0 to 1, one for each point
 * @typedef {{tool: "rectangle", colour: string|null, box: [number, number, number, number]}} RectangleStroke
 *   box: left, top, width, height
 * @typedef {{tool: "polygon", colour: string|null, points: number[]}} PolygonStroke
 * @typedef {{tool: "fill", colour: string, at: [number, number]}} FillStroke
 * @typedef {{tool: "clear"}} ClearStroke
 * @typedef {{tool: "size", width: number, height: number}} SizeStroke  everything drawn so far is scaled
 * @typedef {{tool: "picture", width: number, height: number, picture?: string, model?: string, example?: string}} PictureStroke
 *   a picture of the user's, kept under `picture`, or an example of a model; it sets the size
 * @typedef {{tool: "drawing", width: number, height: number, ground: string, strokes: Stroke[]}} DrawingStroke
 *   an opened drawing: one stroke, so that undo brings the old one back
 * @typedef {{tool: "group", strokes: Stroke[]}} GroupStroke  shapes that are drawn at once: a stamp, or a shape and its mirror image
 * @typedef {{tool: "shape", how: "move"|"copy"|"remove", at: number, by: [number, number]}} ShapeStroke
 *   a change to the visible stroke of the number `at`
 * @typedef {BrushStroke|RectangleStroke|PolygonStroke|FillStroke|ClearStroke|SizeStroke|PictureStroke|DrawingStroke|GroupStroke|ShapeStroke} Stroke
 *
 * @typedef {object} Drawing
 * @property {number} width  of a new drawing; `size` strokes change it
 * @property {number} height
 * @property {string} ground  the colour that a new drawing is filled with
 * @property {Stroke[]} strokes
 * @property {Stroke[]} undone  the last undone stroke is the last of the list
 *
 * @typedef {{name: string, colour: string}} Swatch
 * @typedef {{name: string, parts: {colour: string, box: [number, number, number, number]}[]}} Stamp  boxes from its middle
 * @typedef {{name: string, source: string, target: string|null, result?: string|null}} Example
 *   result: what the model makes of it, where that came with the page
 * @typedef {"labels"|"sketch"|"photograph"|"mask"} Kind
 * @typedef {"paper"|"deterministic"|"running"} Mode
 *
 * @typedef {object} Card  what the page knows of a model
 * @property {string} name
 * @property {Kind} kind
 * @property {[number, number]} size_px  height and width of the training pictures
 * @property {number} multiple_px
 * @property {number} max_px  the largest side that the page offers
 * @property {Swatch[]} palette  labels: the classes; sketch: ink, paper; mask: the hole
 * @property {number} ground  the swatch of a new drawing, -1 where it needs a photograph
 * @property {import("./pixels/tensors.js").Contract} source
 * @property {import("./pixels/tensors.js").Contract} target
 * @property {import("./pixels/tensors.js").Contract|null} photograph
 * @property {string} made  how sources are made of photographs, or ""
 * @property {Mode[]} modes
 * @property {Mode} mode
 * @property {boolean} has_noise  whether the model has variants, in the mode `paper`
 * @property {{pairs: number, images_seen: number, scores: Record<string, number>, licence: string, weights: number, started_from: string, imported_from: string}} [about]
 * @property {Example[]} examples
 * @property {Stamp[]} [stamps]
 * @property {string|null} translate  the address that translates
 * @property {import("./model/engine.js").Network|null} network  the files of the network that runs in the page
 *
 * @typedef {object} Translation
 * @property {ImageBitmap} bitmap
 * @property {number} milliseconds  in the network
 * @property {string} backend
 *
 * @typedef {{seed: number, sample: number, mode: Mode, signal: AbortSignal}} Request
 *
 * @typedef {object} Translator
 * @property {(canvas: HTMLCanvasElement|OffscreenCanvas, request: Request) => Promise<Translation>} translate
 * @property {(onProgress: (progress: {loaded: number, total: number}) => void) => Promise<void>} prepare
 * @property {() => void} close
 */

export {};
