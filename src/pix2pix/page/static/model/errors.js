/** Errors of translators: their messages are keys of the words. */

/** Return an error with the hint of the same name. @param {string} message  "error_..." */
export function failure(message) {
  return Object.assign(new Error(message), { hint: message.replace("error", "hint") });
}
