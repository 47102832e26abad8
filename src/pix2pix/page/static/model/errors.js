/** Errors of translators: their messages are keys of the words. */

/** Return an error with the hint of the same name. @param {string} message  "error_..." */
export function failure(message) {
  return Object.assign(new Error(message), { hint: message.replace("error", "hint") });
}

/** Reject as soon as a request is aborted, even if its job is slow to notice. @param {AbortSignal} signal  @returns {Promise<never>} */
export function aborted(signal) {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
