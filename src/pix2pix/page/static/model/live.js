/**
 * The result follows the drawing: at most one request is under way, and the latest state wins. A
 * request that is under way is left to finish, so that something is shown while somebody draws
 * without a pause; only what makes its answer worthless (another model, another mode) ends it.
 */

/**
 * @typedef {object} Hooks
 * @property {(signal: AbortSignal) => Promise<void>} run  translate the state of now and show it; it may
 *   go on after an abort, but show nothing any more
 * @property {(signal: AbortSignal) => Promise<void>} [rest]  what has time until the drawing rests
 * @property {(busy: boolean) => void} [onBusy]
 * @property {(error: Error & {retryAfter?: number}) => void} [onError]
 * @property {(seconds: number) => Promise<void>} [wait]
 */

/** @param {number} seconds */
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));

/**
 * An error with `retryAfter` (seconds) is told, and the request made again after that time.
 * @param {Hooks} hooks
 */
export function createLive({ run, rest, onBusy, onError, wait = sleep }) {
  let [wanted, rested, working] = [false, true, false];
  /** @type {AbortController|null} */
  let running = null;
  /** @type {AbortController|null} */
  let resting = null;
  let endPause = () => {};

  async function work() {
    working = true;
    while (wanted || !rested) await (wanted ? runOnce() : restOnce());
    working = false;
  }

  async function runOnce() {
    wanted = rested = false;
    onBusy?.(true);
    running = new AbortController();
    const error = await attempt(run, running.signal);
    running = null;
    if (error) await failed(error);
    if (!wanted) onBusy?.(false);
  }

  async function restOnce() {
    rested = true;
    if (!rest) return;
    resting = new AbortController();
    const error = await attempt(rest, resting.signal);
    resting = null;
    if (error) await failed(error);
  }

  /** @param {Error & {retryAfter?: number}} error */
  async function failed(error) {
    onError?.(error);
    rested = true;
    if (!error.retryAfter) return;
    rested = false;
    await Promise.race([wait(error.retryAfter), new Promise((resolve) => (endPause = () => resolve(null)))]);
    wanted ||= !rested; // `stop` may have come meanwhile
  }

  return {
    /**
     * Something changed. With `afresh`, an answer that is on its way is of no use any more.
     * @param {{afresh?: boolean}} [how]
     */
    request({ afresh = false } = {}) {
      wanted = true;
      resting?.abort();
      if (afresh) running?.abort();
      if (afresh) endPause();
      if (!working) void work();
    },
    /** Only what is done at rest is to be done again. */
    refresh() {
      rested = false;
      if (!working) void work();
    },
    /** Forget what is wanted, and what is under way. */
    stop() {
      wanted = false;
      rested = true;
      running?.abort();
      resting?.abort();
      endPause();
    },
  };
}

/**
 * @param {(signal: AbortSignal) => Promise<void>} job
 * @param {AbortSignal} signal
 * @returns {Promise<(Error & {retryAfter?: number})|null>}  null where it went well or was ended
 */
async function attempt(job, signal) {
  try {
    await Promise.race([job(signal), aborted(signal)]);
    return null;
  } catch (error) {
    return signal.aborted ? null : /** @type {Error} */ (error);
  }
}

/** Who is slow to notice the end of a request holds up nobody. @param {AbortSignal} signal  @returns {Promise<never>} */
function aborted(signal) {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
