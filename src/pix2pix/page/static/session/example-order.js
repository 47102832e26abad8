/** Known pairs in random order, none twice before all were shown. */

/** @param {() => number} [random]  0 to 1 */
export function createExampleOrder(random = Math.random) {
  /** @type {Map<string, string[]>} */
  const remaining = new Map();
  let last = "";
  return {
    /** Return the next name. @param {string} model  @param {readonly string[]} names */
    next(model, names) {
      const left = remaining.get(model)?.length ? /** @type {string[]} */ (remaining.get(model)) : shuffled(names, random);
      // A new round does not begin with the example that is still on the screen.
      if (left.length > 1 && left.at(-1) === last) left.unshift(/** @type {string} */ (left.pop()));
      last = left.pop() ?? "";
      remaining.set(model, left);
      return last;
    },
    /** Return the first name: always the same, so that a first visit shows a known result. @param {string} model  @param {readonly string[]} names */
    first(model, names) {
      remaining.set(model, shuffled(names.slice(1), random));
      last = names[0];
      return last;
    },
  };
}

/** @param {readonly string[]} names  @param {() => number} random */
function shuffled(names, random) {
  const list = [...names];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}
