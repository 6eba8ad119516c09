import { setImmediate as immediately, setTimeout as pause } from 'node:timers/promises';
import { monotonicNs } from './journal.js';

/** Periods below this, in milliseconds, are kept to the microsecond by looking at the clock; others to a timer's millisecond. */
const FINE = 20;
/** What a timer of Node is late or early by, in milliseconds. */
const TIMER = 1.5;

/** Beats at whole multiples of a period since its start: what happens between two of them does not shift those that follow. */
export class Ticker {
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly start = monotonicNs();
  readonly #every: number;
  #beat = 0;

  /** `every` is in milliseconds. */
  constructor(every: number) {
    this.#every = every;
  }

  /** Milliseconds since the start. */
  get elapsed(): number {
    return (monotonicNs() - this.start) / 1e6;
  }

  /**
   * Waits for the next beat; rejects with AbortError. The event loop has its turn in any case.
   * @returns beats that went by meanwhile: what was done since the last one took longer than the period.
   */
  async next(signal: AbortSignal): Promise<number> {
    const due = Math.max(this.#beat + 1, Math.floor(this.elapsed / this.#every) + 1);
    const missed = due - this.#beat - 1;
    this.#beat = due;
    const time = due * this.#every;
    for (let left = time - this.elapsed; left > 0; left = time - this.elapsed) {
      if (this.#every >= FINE) await pause(Math.ceil(left), undefined, { signal });
      else if (left > TIMER) await pause(left - TIMER, undefined, { signal });
      else await immediately(undefined, { signal });
    }
    return missed;
  }
}
