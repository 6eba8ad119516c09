/** The longest delay that setTimeout takes, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** The timers of a device, which end together when it is reset or goes away. */
export class Timers {
  readonly #running = new Set<() => void>();

  /** Calls `expired` once after `ms` milliseconds, of any number; 0 is the next turn of the event loop. Returns what cancels it. */
  set(ms: number, expired: () => void): () => void {
    let stop: () => void = () => undefined;
    const cancel = (): void => {
      stop();
      this.#running.delete(cancel);
    };
    const wait = (left: number): void => {
      if (left <= 0) {
        const immediate = setImmediate(finish);
        stop = () => clearImmediate(immediate);
        return;
      }
      const step = Math.min(left, LONGEST);
      const timeout = setTimeout(() => (left > step ? wait(left - step) : finish()), step);
      stop = () => clearTimeout(timeout);
    };
    const finish = (): void => {
      this.#running.delete(cancel);
      expired();
    };
    this.#running.add(cancel);
    wait(ms);
    return cancel;
  }

  cancelAll(): void {
    for (const cancel of this.#running) cancel();
  }
}
