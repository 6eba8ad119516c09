import { bytesOf, type Width } from '../width.js';
import type { Range } from './ranges.js';

const PAGE = 4096;
/** Bytes of one snapshot, at the most, so that a wrong count in a file does not take all memory. */
export const MOST_BYTES = 256 * 2 ** 20;

interface Page {
  readonly bytes: Buffer;
  /** 1 for each byte that is known. */
  readonly known: Uint8Array;
}

/** The bytes of a space of which some are known: as much memory as there are pages with any, however large the space. */
export class KeptBytes {
  readonly #pages = new Map<number, Page>();

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#pages.size * PAGE;
  }

  /** Puts `times` words of the same value from `offset` on, which is a multiple of the width. */
  put(offset: number, width: Width, value: bigint, times: number): void {
    const step = bytesOf(width);
    for (let at = offset, left = times; left > 0;) {
      const { bytes, known } = this.#page(Math.floor(at / PAGE));
      const inPage = at % PAGE;
      const count = Math.min(left, (PAGE - inPage) / step);
      const end = inPage + count * step;
      if (width === 64) bytes.writeBigUInt64LE(value, inPage);
      else bytes.writeUIntLE(Number(value), inPage, step);
      if (count > 1) bytes.fill(bytes.subarray(inPage, inPage + step), inPage + step, end);
      known.fill(1, inPage, end);
      at += count * step;
      left -= count;
    }
  }

  #page(number: number): Page {
    const there = this.#pages.get(number);
    if (there !== undefined) return there;
    const page = { bytes: Buffer.alloc(PAGE), known: new Uint8Array(PAGE) };
    this.#pages.set(number, page);
    return page;
  }

  /** Copies what is at `offset`; false where not all of it is known. */
  read(offset: number, into: Uint8Array): boolean {
    for (let done = 0; done < into.length;) {
      const at = offset + done;
      const page = this.#pages.get(Math.floor(at / PAGE));
      const inPage = at % PAGE;
      const length = Math.min(PAGE - inPage, into.length - done);
      if (page === undefined || page.known.subarray(inPage, inPage + length).includes(0)) return false;
      into.set(page.bytes.subarray(inPage, inPage + length), done);
      done += length;
    }
    return true;
  }

  /** The word at `offset`; undefined where not all of it is known. */
  word(offset: number, width: Width): bigint | undefined {
    const bytes = Buffer.alloc(8);
    return this.read(offset, bytes.subarray(0, bytesOf(width))) ? bytes.readBigUInt64LE() : undefined;
  }

  /** What is known. */
  ranges(): Range[] {
    const found: [number, number][] = [];
    for (const [number, { known }] of [...this.#pages].sort(([one], [other]) => one - other)) {
      for (let from = known.indexOf(1); from >= 0; from = known.indexOf(1, from)) {
        const zero = known.indexOf(0, from);
        const until = zero < 0 ? PAGE : zero;
        const last = found.at(-1);
        if (last?.[1] === number * PAGE + from) last[1] = number * PAGE + until;
        else found.push([number * PAGE + from, number * PAGE + until]);
        from = until;
      }
    }
    return found;
  }
}
