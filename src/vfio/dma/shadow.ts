import type { MemoryAccess } from './memory-access.js';

/** Bytes that changed in a run: `offset` bytes from the start of the memory. */
export interface ChangedRun {
  readonly offset: number;
  readonly length: number;
  /** The first bytes of the run, as they were and as they are: 16 at the most. */
  readonly old: Uint8Array;
  readonly new: Uint8Array;
}

/** Bytes that are kept, and compared, at a time. */
const PIECE = 2 ** 20;
/** Equal bytes between two changed ones that do not end a run. */
const JOINED = 7;
const SHOWN = 16;

const zeros = new Uint8Array(PIECE);

/**
 * What memory held when it was last looked at, with this program's own writes put in since. It is kept in pieces, and what is all zeros since
 * the beginning takes none.
 */
export class Shadow {
  readonly #access: MemoryAccess;
  readonly #address: number;
  readonly #length: number;
  readonly #pieces: (Uint8Array | undefined)[] = [];

  /** Of `length` bytes at `address`, a multiple of 8; zeros, unless they are looked at first. */
  constructor(access: MemoryAccess, address: number, length: number) {
    this.#access = access;
    this.#address = address;
    this.#length = length;
  }

  /** A write of this program's own, in little endian. */
  wrote(at: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const within = (at + done) % PIECE;
      const part = bytes.subarray(done, done + PIECE - within);
      this.#piece((at + done - within) / PIECE).set(part, within);
      done += part.length;
    }
  }

  #piece(index: number): Uint8Array {
    return (this.#pieces[index] ??= new Uint8Array(Math.min(PIECE, this.#length - index * PIECE)));
  }

  /**
   * Compares [start, end) of the memory with what it held, and remembers what it holds now: gives the runs of bytes that changed, a
   * list for every piece, so that the caller can let others run meanwhile. `start` and `end` are multiples of 8. Throws what `fault` makes of
   * memory that is not there.
   */
  *look(start: number, end: number, fault: (at: number) => Error): Generator<ChangedRun[]> {
    const now = Buffer.alloc(Math.min(PIECE, end - start));
    for (let at = start; at < end;) {
      const within = at % PIECE;
      const length = Math.min(PIECE - within, end - at);
      const done = this.#access.readBlock(64, this.#address + at, length / 8, 8, now);
      if (done < length / 8) throw fault(at + done * 8);
      const index = (at - within) / PIECE;
      const before = (this.#pieces[index] ?? zeros).subarray(within, within + length);
      const current = now.subarray(0, length);
      const runs: ChangedRun[] = [];
      if (!current.equals(before)) {
        for (const [first, behind] of differences(before, current)) {
          runs.push({
            offset: at + first,
            length: behind - first,
            old: before.slice(first, Math.min(behind, first + SHOWN)),
            new: Uint8Array.from(current.subarray(first, Math.min(behind, first + SHOWN))),
          });
        }
        this.#piece(index).set(current, within);
      }
      at += length;
      yield runs;
    }
  }
}

/** The runs [first, behind) in which two pieces of one length differ; a few equal bytes do not end one. */
function* differences(one: Uint8Array, other: Uint8Array): Generator<readonly [first: number, behind: number]> {
  let first = -1;
  let behind = -1;
  for (let at = 0; at < one.length; at += 1) {
    if (one[at] === other[at]) continue;
    if (first >= 0 && at - behind > JOINED) {
      yield [first, behind];
      first = at;
    }
    if (first < 0) first = at;
    behind = at + 1;
  }
  if (first >= 0) yield [first, behind];
}
