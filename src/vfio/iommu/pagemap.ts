import { join } from 'node:path';
import type { Roots } from '../bus/roots.js';
import { close, O_RDONLY, open, pageSize, pread } from '../sys/libc.js';
import type { PhysicalOf } from './verify.js';

/** Bits of an entry. Source: Documentation/admin-guide/mm/pagemap.rst. */
const PRESENT = 1n << 63n;
const FRAME = (1n << 55n) - 1n;
const ENTRY_BYTES = 8;
/** Entries read at once. */
const BATCH = 512;

/**
 * Where the pages of this process lie in physical memory, from /proc/self/pagemap. The kernel tells it to CAP_SYS_ADMIN alone; to others
 * every page is unknown, as is one that was not touched yet.
 */
export class Pagemap {
  readonly #fd: number;
  readonly #batch = Buffer.alloc(BATCH * ENTRY_BYTES);
  /** The page numbers that are in the batch. */
  #first = -1;
  #count = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined where it cannot be opened. */
  static open(roots: Roots): Pagemap | undefined {
    const opened = open(join(roots.proc, 'self/pagemap'), O_RDONLY);
    return opened.errno === 0 ? new Pagemap(opened.value) : undefined;
  }

  readonly physicalOf: PhysicalOf = (address) => {
    const page = Math.floor(address / pageSize());
    if (page < this.#first || page >= this.#first + this.#count) this.#read(page);
    if (page >= this.#first + this.#count) return undefined;
    const entry = this.#batch.readBigUInt64LE((page - this.#first) * ENTRY_BYTES);
    const frame = entry & FRAME;
    return (entry & PRESENT) === 0n || frame === 0n ? undefined : frame * BigInt(pageSize());
  };

  #read(page: number): void {
    const got = pread(this.#fd, this.#batch, page * ENTRY_BYTES);
    this.#first = page;
    this.#count = got.errno === 0 ? Math.floor(got.value / ENTRY_BYTES) : 0;
  }

  close(): void {
    close(this.#fd);
  }
}
