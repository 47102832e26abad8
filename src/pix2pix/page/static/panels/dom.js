/** Small helpers for elements. */

/**
 * Return the element of an id of index.html.
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Partial<HTMLElementTagNameMap[K]>} [properties]
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/**
 * Create one of the icons at the end of index.html.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/**
 * Create a button with only an icon.
 * @param {string} name
 * @param {string} label
 * @param {() => void} onclick
 */
export function iconButton(name, label, onclick) {
  return make("button", { className: "icon-button", type: "button", title: label, ariaLabel: label, onclick }, icon(name));
}

/**
 * Create a button with words.
 * @param {string} text
 * @param {() => void} onclick
 * @param {string} [className]
 */
export const textButton = (text, onclick, className = "button") => make("button", { className, type: "button", textContent: text, onclick });

/**
 * Create a switch with words.
 * @param {string} text
 * @param {boolean} checked
 * @param {(checked: boolean) => void} onChange
 */
export function toggle(text, checked, onChange) {
  const input = make("input", { type: "checkbox", role: "switch", checked, onchange: () => onChange(input.checked) });
  return make("label", { className: "switch" }, input, make("span", { textContent: text }));
}

/** Create a line whose changes screen readers announce. @param {string} [text] */
export const statusLine = (text = "") => make("p", { className: "quiet", role: "status", textContent: text });

/**
 * Show radio buttons as a row of segments. Called again, it changes them in place, so that the focus
 * stays where it is.
 * @param {HTMLElement} parent
 * @param {{value: string, text: string, disabled?: boolean, checked?: boolean}[]} options
 * @param {(value: string) => void} choose
 */
export function segments(parent, options, choose) {
  if (parent.children.length !== options.length) {
    const labels = options.map(() => make("label", {}, make("input", { type: "radio", name: parent.id }), make("span")));
    parent.replaceChildren(...labels);
  }
  for (const [i, { value, text, disabled = false, checked = false }] of options.entries()) {
    const [input, span] = parent.children[i].children;
    Object.assign(input, { value, disabled, checked, onchange: () => choose(value) });
    span.textContent = text;
  }
}

/**
 * Save a file under a name.
 * @param {Blob} blob
 * @param {string} name
 */
export function saveFile(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Return a model's name as the name of a file. @param {string} model */
export const fileName = (model) => model.replace(/[^\p{L}\p{N}]+/gu, "-");
