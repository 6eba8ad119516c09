import { decodeWord } from './access-rules.js';
import { type Journal, monotonicNs } from './journal.js';
import type { Block, BlockShape, Space } from './space.js';
import { Tally } from './tally.js';
import { bytesOf, type Width } from './width.js';

/** A place that is read again and again. */
export interface ScanPlace {
  readonly space: Space;
  readonly offset: number;
  readonly width: Width;
}

/** What is not as it was in the round before: a value, or the reason why there is none. */
export interface ScanChange {
  /** Which of the places. */
  readonly index: number;
  /** The last value that was read; undefined where none was yet. */
  readonly old: bigint | undefined;
  readonly value: bigint | undefined;
  /** Why it could not be read, where it could not: an errno's name first. */
  readonly fault?: string;
  /** CLOCK_MONOTONIC in nanoseconds, right after the read. */
  readonly time: number;
}

/** Places in a row that one block reads: each by one access of its own width. */
interface Run {
  readonly space: Space;
  readonly shape: Required<BlockShape>;
  /** The index of its first place. */
  readonly first: number;
  bytes: Uint8Array;
  before: Uint8Array;
  /** Whether any of its places could not be read in the round before. */
  faulty: boolean;
}

export interface ScanOptions {
  /** Where changes, and at the end the sum of all reads, are entered. */
  readonly journal: Journal;
  readonly allowSplit?: boolean;
}

/**
 * Reads places in rounds: each place once in a round, by one access of its width, in the order in which they were given. Places that lie a
 * constant stride apart are read by one block, which makes the same accesses for less.
 */
export class Scan {
  readonly tally = new Tally();
  readonly #runs: Run[];
  readonly #options: ScanOptions;
  readonly #values: (bigint | undefined)[];
  readonly #faults = new Map<number, string>();

  constructor(places: readonly ScanPlace[], options: ScanOptions) {
    this.#runs = runsOf(places);
    this.#options = options;
    this.#values = places.map(() => undefined);
  }

  /** The value of a place when it was read last; undefined before that. */
  value(index: number): bigint | undefined {
    return this.#values[index];
  }

  /** Why the place could not be read in the last round; undefined where it could. */
  fault(index: number): string | undefined {
    return this.#faults.get(index);
  }

  /** For a dry run: the gate hears what a round would read; what that brings is no value, and is not kept. */
  rehearse(): void {
    for (const run of this.#runs) this.#read(run);
  }

  /** Reads every place once, and gives what has changed: in the first round all of them. Throws VfioError where the device is gone. */
  round(): readonly ScanChange[] {
    const changes: ScanChange[] = [];
    this.tally.beginRound();
    for (const run of this.#runs) {
      [run.bytes, run.before] = [run.before, run.bytes];
      const { faults } = this.#read(run);
      const seen = this.#values[run.first] !== undefined;
      if (seen && !run.faulty && faults.length === 0 && Buffer.compare(run.bytes, run.before) === 0) continue;
      const reasons = new Map<number, string>();
      for (const { index, count, error } of faults) {
        const { errno, why } = error.details;
        for (let nth = 0; nth < count; nth += 1)
          reasons.set(index + nth, errno === undefined ? why : `${errno}: ${why}`);
      }
      run.faulty = faults.length > 0;
      this.#compare(run, reasons, changes);
    }
    return changes;
  }

  #read({ space, shape, bytes }: Run): Block {
    const { allowSplit } = this.#options;
    return space.readBlock(shape, {
      into: bytes,
      tally: this.tally,
      ...(allowSplit !== undefined && { allowSplit }),
    });
  }

  #compare({ space, shape, first, bytes }: Run, reasons: ReadonlyMap<number, string>, changes: ScanChange[]): void {
    const { width, offset, stride, count } = shape;
    const { journal } = this.#options;
    const time = monotonicNs();
    for (let cell = 0; cell < count; cell += 1) {
      const index = first + cell;
      const fault = reasons.get(cell);
      const before = this.#faults.get(index);
      const old = this.#values[index];
      if (fault !== undefined) {
        if (fault === before) continue;
        this.#faults.set(index, fault);
        changes.push({ index, old, value: undefined, fault, time });
        continue;
      }
      const word = decodeWord(bytes, width, cell * bytesOf(width));
      const value = BigInt(word);
      if (value === old && before === undefined) continue;
      this.#faults.delete(index);
      this.#values[index] = value;
      journal.read(journal.registerSpace(space.name), width, offset + cell * stride, word);
      changes.push({ index, old, value, time });
    }
  }

  /** Enters what was read into the journal. */
  end(what: string): void {
    this.tally.enter(this.#options.journal, what);
  }
}

function runsOf(places: readonly ScanPlace[]): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < places.length;) {
    const start = places[first];
    if (start === undefined) break;
    const { space, offset, width } = start;
    const step = bytesOf(width);
    const stride = (places[first + 1]?.offset ?? 0) - offset;
    const follows = (nth: number): boolean => {
      const next = places[first + nth];
      return next?.space === space && next.width === width && next.offset === offset + nth * stride;
    };
    let count = 1;
    if (stride > 0 && stride % step === 0) while (follows(count)) count += 1;
    const shape = { offset, width, count, stride: count === 1 ? step : stride };
    const [bytes, before] = [new Uint8Array(count * step), new Uint8Array(count * step)];
    runs.push({ space, shape, first, bytes, before, faulty: false });
    first += count;
  }
  return runs;
}
