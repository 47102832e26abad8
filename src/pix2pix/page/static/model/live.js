/**
 * Keep the result up to date with the drawing: at most one request runs, and the latest state wins. A
 * running request may finish, so that results appear while the user draws without a pause; only what
 * makes its answer useless (another model, another mode) aborts it.
 */

import { aborted, sleep } from "./waits.js";

/**
 * @typedef {object} Hooks
 * @property {(signal: AbortSignal) => Promise<void>} run  translate the current state and show it;
 *   may go on after an abort, but must show nothing any more
 * @property {(signal: AbortSignal) => Promise<void>} [whenIdle]  work that can wait for a pause in drawing
 * @property {(busy: boolean) => void} [onBusy]
 * @property {(error: Error & {retryAfter?: number}) => void} [onError]
 * @property {(seconds: number) => Promise<void>} [wait]
 */

/**
 * An error with `retryAfter` (seconds) is reported, and the request is repeated after that time.
 * @param {Hooks} hooks
 */
export function createLive({ run, whenIdle, onBusy, onError, wait = (seconds) => sleep(1000 * seconds) }) {
  let [due, idleDone, working] = [false, true, false];
  /** @type {AbortController|null} */
  let running = null;
  /** @type {AbortController|null} */
  let idleRun = null;
  let endPause = () => {};

  async function work() {
    working = true;
    while (due || !idleDone) await (due ? runOnce() : idleOnce());
    working = false;
  }

  async function runOnce() {
    due = idleDone = false;
    onBusy?.(true);
    running = new AbortController();
    const error = await attempt(run, running.signal);
    running = null;
    if (error) await failed(error);
    if (!due) onBusy?.(false);
  }

  async function idleOnce() {
    idleDone = true;
    if (!whenIdle) return;
    idleRun = new AbortController();
    const error = await attempt(whenIdle, idleRun.signal);
    idleRun = null;
    if (error) await failed(error);
  }

  /** @param {Error & {retryAfter?: number}} error */
  async function failed(error) {
    onError?.(error);
    idleDone = true;
    if (!error.retryAfter) return;
    idleDone = false;
    await Promise.race([wait(error.retryAfter), new Promise((resolve) => (endPause = () => resolve(null)))]);
    due ||= !idleDone; // unless `stop` was called meanwhile
  }

  return {
    /**
     * Something has changed. With `afresh`, the answer of a running request is useless.
     * @param {{afresh?: boolean}} [how]
     */
    request({ afresh = false } = {}) {
      due = true;
      idleRun?.abort();
      if (afresh) running?.abort();
      if (afresh) endPause();
      if (!working) void work();
    },
    /** Repeat only the work of a pause. */
    refresh() {
      idleDone = false;
      if (!working) void work();
    },
    /** Forget what is due, and abort what runs. */
    stop() {
      due = false;
      idleDone = true;
      running?.abort();
      idleRun?.abort();
      endPause();
    },
  };
}

/**
 * @param {(signal: AbortSignal) => Promise<void>} job
 * @param {AbortSignal} signal
 * @returns {Promise<(Error & {retryAfter?: number})|null>}  null if it succeeded or was aborted
 */
async function attempt(job, signal) {
  try {
    await Promise.race([job(signal), aborted(signal)]);
    return null;
  } catch (error) {
    return signal.aborted ? null : /** @type {Error} */ (error);
  }
}
