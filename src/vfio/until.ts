import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNs } from './journal.js';
import type { Space } from './space.js';
import type { Width } from './width.js';

/** How long reads come without a pause, in nanoseconds: what hardware does by itself is mostly done by then. */
const TIGHT = 200_000;
/** The first pause between two reads, the longest, and what each is longer by; in milliseconds. */
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 10;
const GROWTH = 1.5;
/** Reads of one poll, at the most. */
const MOST_READS = 65536;

/** What a value is waited for to be: the bits that are compared and what they should be, or anything that can be said of it. */
export type Wanted = { readonly mask: bigint; readonly want: bigint } | ((value: bigint) => boolean);

export interface UntilOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface UntilResult {
  readonly matched: boolean;
  /** The last value that was read. */
  readonly value: bigint;
  /** Reads that were made. */
  readonly reads: number;
  /** Nanoseconds from before the first read to after the last. */
  readonly took: number;
}

/**
 * Reads one place until its value is as wanted, or the time is up: at first without a pause, by machine code where the space is mapped, then
 * with pauses that grow. The last read comes when the time is up. Rejects with AbortError, and with VfioError where a read is refused.
 */
export async function until(
  space: Space,
  { width, offset }: { readonly width: Width; readonly offset: number },
  wanted: Wanted,
  { timeoutMs, signal }: UntilOptions,
): Promise<UntilResult> {
  const started = monotonicNs();
  const deadline = started + timeoutMs * 1e6;
  const look = (most: number): Omit<UntilResult, 'took'> => {
    if (typeof wanted === 'function') {
      const value = BigInt(space.read(width, offset));
      return { matched: wanted(value), value, reads: 1 };
    }
    const { matched, value, iterations } = space.poll(width, offset, { ...wanted, iterations: most });
    return { matched, value, reads: iterations };
  };

  let seen = look(1);
  let { reads } = seen;
  const begun = monotonicNs();
  const tight = Math.min(deadline, begun + TIGHT);
  // What one read takes is not known before the second.
  for (let now = begun, each = TIGHT; !seen.matched && now < tight; each = (now - begun) / (reads - 1)) {
    seen = look(Math.min(MOST_READS, Math.max(1, Math.floor((tight - now) / Math.max(each, 1)))));
    reads += seen.reads;
    now = monotonicNs();
  }
  for (let next = FIRST_PAUSE; !seen.matched; next = Math.min(LONGEST_PAUSE, next * GROWTH)) {
    const left = (deadline - monotonicNs()) / 1e6;
    if (left <= 0) break;
    await pause(Math.min(next, Math.max(left, FIRST_PAUSE)), undefined, { signal });
    seen = look(1);
    reads += seen.reads;
  }
  return { ...seen, reads, took: monotonicNs() - started };
}
