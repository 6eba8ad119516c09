import { Histogram } from './histogram.js';

/** Width of the windows that a rate is counted in, and how many of them are looked at. */
const WINDOW_NS = 1e8;
const WINDOWS = 10;

/** Numbers about the signals of one vector; durations in nanoseconds. */
export interface VectorStatistics {
  readonly count: bigint;
  /** Of those, signals that VFIO's software loopback made. */
  readonly software: bigint;
  /** Signals a second, over the last second. */
  readonly rate: number;
  readonly lastNs: number | undefined;
  /** From one signal to the next. Signals taken from the eventfd in one go share their time evenly. */
  readonly interval: Histogram;
  /** From a software trigger's call to the time that the pump thread took. */
  readonly latency: Histogram;
}

/** One vector of an enabled interrupt: its eventfd, and what came through it. */
export class IrqVector {
  readonly number: number;
  readonly fd: number;
  /** The pump's number for it. */
  source = -1;
  /** The journal's number for it, once it has signalled. */
  signaller: number | undefined;
  masked: 'no' | 'user' | 'fired' | 'storm' = 'no';
  readonly interval = new Histogram();
  readonly latency = new Histogram();
  count = 0n;
  software = 0n;
  /** Signals that no `wait` has taken yet. */
  unclaimed = 0n;
  #unclaimedSoftware = 0n;
  lastNs: number | undefined;
  /** When the last unmask was made, until the next signal. */
  unmaskedNs: number | undefined;
  /** The sequence number that the journal's next entry had then. */
  unmaskedAt = 0;
  /** Signals in a row that came right after an automatic unmask. */
  refires = 0;
  /** Call times of software triggers whose signals have not come yet. */
  readonly triggered: number[] = [];
  readonly #windows = new Float64Array(WINDOWS);
  #window = 0;

  constructor(number: number, fd: number) {
    this.number = number;
    this.fd = fd;
  }

  /** Takes note of `count` signals at `timeNs`; gives how many of them software made. */
  take(timeNs: number, count: bigint): bigint {
    if (this.lastNs !== undefined) this.interval.add(Math.max(0, timeNs - this.lastNs) / Number(count), Number(count));
    this.lastNs = timeNs;
    this.count += count;
    this.unclaimed += count;
    this.#roll(timeNs);
    const at = this.#window % WINDOWS;
    this.#windows[at] = (this.#windows[at] ?? 0) + Number(count);
    if (this.triggered.length === 0) return 0n;
    const made = this.triggered.splice(0, Number(count));
    for (const time of made) this.latency.add(Math.max(0, timeNs - time));
    const software = BigInt(made.length);
    this.software += software;
    this.#unclaimedSoftware += software;
    return software;
  }

  /** Takes `count` of the unclaimed signals away; gives how many of them software made. */
  claim(count: bigint): bigint {
    this.unclaimed -= count;
    const software = this.#unclaimedSoftware < count ? this.#unclaimedSoftware : count;
    this.#unclaimedSoftware -= software;
    return software;
  }

  statistics(nowNs: number): VectorStatistics {
    this.#roll(nowNs);
    const rate = this.#windows.reduce((sum, signals) => sum + signals, 0) / ((WINDOWS * WINDOW_NS) / 1e9);
    const { count, software, lastNs, interval, latency } = this;
    return { count, software, rate, lastNs, interval, latency };
  }

  #roll(timeNs: number): void {
    const window = Math.floor(timeNs / WINDOW_NS);
    for (let steps = Math.min(WINDOWS, window - this.#window); steps > 0; steps -= 1) {
      this.#windows[(window - steps + 1) % WINDOWS] = 0;
    }
    this.#window = Math.max(window, this.#window);
  }
}

/** Why there is no vector `vector` where `enabled` of `all` are enabled, and what to do about it. */
export function noSuchVector(
  name: string,
  vector: number,
  enabled: number,
  all: number,
): { readonly why: string; readonly hint: string } {
  return {
    why: `vector ${vector} is not enabled: ${enabled === 1 ? 'only 0 is' : `0 to ${enabled - 1} are`}`,
    hint:
      vector < all ? `irq disable ${name}; irq enable ${name} ${vector + 1}` : `the device has ${all}, counted from 0`,
  };
}
