import * as libc from './libc.js';
import type { SourceRow } from './pump-memory.js';

/** More than `signals` signals within `withinMs` milliseconds are a storm. A window starts at the first signal after the last one passed. */
export interface Guard {
  readonly signals: number;
  readonly withinMs: number;
}

export const DEFAULT_GUARD: Guard = { signals: 10_000, withinMs: 1000 };

export interface SourceOptions {
  /** Defaults to DEFAULT_GUARD; `signals: Infinity` switches it off. */
  readonly guard?: Guard;
  /** ioctl(fd, request, argument) that the pump's thread makes at once when the guard trips, to mask the interrupt. At most 64 bytes. */
  readonly mask?: { readonly fd: number; readonly request: number; readonly argument: Uint8Array };
}

/** A source that its guard silenced. */
export interface Storm {
  /** CLOCK_MONOTONIC nanoseconds of the event that tripped the guard. */
  readonly timeNs: number;
  /** Signals in the guard's window, and how long it had run. */
  readonly signals: number;
  readonly spanNs: number;
  /** True where the mask ioctl was made and worked, its errno's name where it failed; undefined without one: masking is the sink's business. */
  readonly masked: true | string | undefined;
}

/** Where a source's events go: called on the main thread, in order, from `drain`, `remove` or the event loop. */
export interface SourceSink {
  /** `count` signals were taken from the eventfd in one go, at CLOCK_MONOTONIC `timeNs` nanoseconds. */
  signalled(timeNs: number, count: bigint): void;
  /** The guard took the source out; nothing more comes until `rearm`. Signals meanwhile wait, summed, in the eventfd. */
  stormed(storm: Storm): void;
  /** The eventfd could not be read (errno's name); nothing more comes until `rearm`. */
  failed(errno: string): void;
}

export interface Totals {
  /** Signals taken from the eventfd since `add`, whatever became of their events. */
  readonly count: bigint;
  /** Of those, the signals whose events found the ring full. */
  readonly dropped: bigint;
  /** CLOCK_MONOTONIC nanoseconds of the first and the last taking; 0 while count is 0. */
  readonly firstNs: number;
  readonly lastNs: number;
}

export function totalsOf(row: SourceRow): Totals {
  // The count first: the times are written before it.
  const count = row.count;
  return { count, dropped: row.dropped, firstNs: row.firstNs, lastNs: row.lastNs };
}

export function stormOf(row: SourceRow): Storm {
  const masked = row.mask === undefined ? undefined : row.errno === 0 || libc.errnoName(row.errno);
  return { timeNs: row.alertNs, signals: row.windowSignals, spanNs: row.spanNs, masked };
}

/** A guard as a row takes it. */
export function guardLimits({ signals, withinMs }: Guard): [signals: number, ns: number] {
  if (!(signals >= 1) || !(withinMs > 0)) {
    throw new RangeError(`a storm guard allows at least 1 signal in more than 0 ms, not ${signals} in ${withinMs} ms`);
  }
  return [signals, withinMs * 1e6];
}
