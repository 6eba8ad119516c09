/** Milliseconds after which the event loop has its turn. */
const TURN_MS = 10;

/** Says when a loop that never waits has kept the event loop (Ctrl-C, notices, interrupts) waiting for long enough. */
export class Turns {
  #last = performance.now();

  get due(): boolean {
    return performance.now() - this.#last > TURN_MS;
  }

  /** Lets the event loop run. */
  async give(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    this.#last = performance.now();
  }
}
