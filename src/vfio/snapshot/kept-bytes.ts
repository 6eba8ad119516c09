import { bytesOf, type Width } from '../width.js';
import type { Range } from './ranges.js';

const PAGE = 4096;
/** Bytes of one snapshot, at the most, so that a wrong count in a file does not take all memory. */
export const MOST_BYTES = 256 * 2 ** 20;

interface Page {
  readonly bytes: Uint8Array;
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
    const word = Buffer.alloc(8);
    word.writeBigUInt64LE(value);
    const pattern = Buffer.alloc(PAGE, word.subarray(0, step));
    for (let at = offset; at < offset + times * step;) {
      const length = Math.min(PAGE - (at % PAGE), offset + times * step - at);
      this.#set(at, pattern.subarray(0, length));
      at += length;
    }
  }

  #set(at: number, bytes: Uint8Array): void {
    const number = Math.floor(at / PAGE);
    let page = this.#pages.get(number);
    if (page === undefined) {
      page = { bytes: new Uint8Array(PAGE), known: new Uint8Array(PAGE) };
      this.#pages.set(number, page);
    }
    page.bytes.set(bytes, at % PAGE);
    page.known.fill(1, at % PAGE, (at % PAGE) + bytes.length);
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
