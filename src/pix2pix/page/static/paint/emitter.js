/**
 * Create an event emitter: `on(name, listener)`, `emit(name, ...values)`.
 */
export function createEmitter() {
  /** @type {Map<string, Array<(...values: any[]) => void>>} */
  const listeners = new Map();
  return {
    /** @param {string} name  @param {(...values: any[]) => void} listener */
    on(name, listener) {
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    /** @param {string} name  @param {...any} values */
    emit(name, ...values) {
      for (const listener of listeners.get(name) ?? []) listener(...values);
    },
  };
}
