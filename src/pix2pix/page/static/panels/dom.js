/** Small helpers for elements. */

/**
 * The element of an id; that it exists is a matter of index.html.
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
 * One of the icons at the end of index.html.
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
 * A button with an icon and nothing else.
 * @param {string} name
 * @param {string} label
 * @param {() => void} onclick
 */
export function iconButton(name, label, onclick) {
  const button = make("button", { className: "icon-button", type: "button", title: label, onclick }, icon(name));
  button.setAttribute("aria-label", label);
  return button;
}

/**
 * Radio buttons as a row of segments. The tab key enters at the chosen one and arrows move, as
 * browsers do for radio buttons. Called again, it changes them in place: who is there stays there.
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
 * Save something under a name.
 * @param {Blob} blob
 * @param {string} name
 */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
