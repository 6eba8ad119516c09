import { readFileSync } from 'node:fs';
import { VfioError } from '../errors.js';
import {
  MAP_SHARED,
  PROT_READ,
  PROT_WRITE,
  close,
  errnoName,
  memoryAt,
  mmap,
  munmap,
  pageSize,
  sealedMemfd,
} from '../sys/libc.js';
import { bytesText, type Mapping } from './mapping.js';

/** Memory of this process that can be mapped for a device. */
export interface Memory {
  readonly kind: Mapping['kind'];
  /** Where it is mapped in this process. */
  readonly address: number;
  /** Bytes that are mapped: whole pages. */
  readonly length: number;
  /** The file behind it and the offset in it; -1 where there is none (memory of JavaScript). */
  readonly fd: number;
  readonly fdOffset: number;
  /** Whether this process may write to it. */
  readonly writable: boolean;
  /** Every byte was zero when it was made. */
  readonly zeroed: boolean;
  /** Why it cannot be accessed any more, or undefined where it can. */
  gone?(): string | undefined;
  /** Gives it back; neither a device nor this process accesses it any more. */
  release(): void;
}

/** Zeroed memory of its own, `length` bytes of whole pages. Throws VfioError. */
export function makeMemory(name: string, length: number, huge: boolean): Memory {
  const made = sealedMemfd(`vfiodbg-${name}`, length, huge);
  if (made.errno !== 0) throw noMemory(errnoName(made.errno), name, length, huge);
  const fd = made.value;
  const mapped = mmap(length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped.errno !== 0) {
    close(fd);
    throw noMemory(errnoName(mapped.errno), name, length, huge);
  }
  const address = mapped.value;
  return {
    kind: 'buffer',
    address,
    length,
    fd,
    fdOffset: 0,
    writable: true,
    zeroed: true,
    release() {
      munmap(address, length);
      close(fd);
    },
  };
}

/** Bytes of a huge page of the default size, or undefined where the kernel has none. */
export function hugePageSize(): number | undefined {
  const size = Number(meminfo('Hugepagesize')) * 1024;
  return size > 0 ? size : undefined;
}

function meminfo(field: string): string | undefined {
  return new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(readFileSync('/proc/meminfo', 'latin1'))?.[1];
}

function noMemory(errno: string, name: string, length: number, huge: boolean): VfioError {
  const operation = `make ${name}`;
  if (!huge) {
    const descriptors = errno === 'EMFILE' || errno === 'ENFILE';
    return new VfioError({
      kind: 'limit',
      operation,
      errno,
      why: descriptors ? 'no file descriptor is left for it' : `there are no ${bytesText(length)} of memory for it`,
      hint: descriptors ? 'free some buffers, or raise `ulimit -n`' : 'ask for less',
    });
  }
  const page = hugePageSize() ?? 2 ** 21;
  const [free, total] = [meminfo('HugePages_Free') ?? '0', meminfo('HugePages_Total') ?? '0'];
  const needed = Math.ceil(length / page);
  return new VfioError({
    kind: 'limit',
    operation,
    errno,
    why: `it takes ${needed} huge ${needed === 1 ? 'page' : 'pages'} of ${bytesText(page)}; ${free} of ${total} are free`,
    hint: `as root: echo ${Number(total) - Number(free) + needed} > /proc/sys/vm/nr_hugepages, or leave --huge out`,
  });
}

/** Bytes of the chunks that small memory is cut from. */
const CHUNK = 4 * 2 ** 20;
/** What is larger has a file of its own. */
const SMALL = 64 * 2 ** 10;

interface Chunk {
  readonly memory: Memory;
  readonly bytes: Uint8Array;
  /** Bytes that were cut off so far, and pieces that are out. */
  cut: number;
  out: number;
}

/**
 * Zeroed memory in small pieces, cut from larger files: tens of thousands of buffers with a descriptor and a mapping each would go past
 * `ulimit -n` and vm.max_map_count.
 */
export class Arena {
  #current: Chunk | undefined;
  /** Pieces that came back, by their size. */
  readonly #spare = new Map<number, { readonly chunk: Chunk; readonly offset: number }[]>();

  /** Memory of `length` bytes, of whole pages; a file of its own where it is large. Throws VfioError. */
  make(name: string, length: number): Memory {
    if (length > SMALL) return makeMemory(name, length, false);
    const spare = this.#spare.get(length)?.pop();
    const { chunk, offset } = spare ?? this.#cut(length);
    if (spare !== undefined) chunk.bytes.fill(0, offset, offset + length);
    chunk.out += 1;
    return {
      kind: 'buffer',
      address: chunk.memory.address + offset,
      length,
      fd: chunk.memory.fd,
      fdOffset: offset,
      writable: true,
      zeroed: true,
      release: () => this.#giveBack(chunk, offset, length),
    };
  }

  #cut(length: number): { chunk: Chunk; offset: number } {
    if (this.#current === undefined || this.#current.cut + length > CHUNK) {
      const full = this.#current;
      const memory = makeMemory('small', CHUNK, false);
      this.#current = { memory, bytes: new Uint8Array(memoryAt(memory.address, CHUNK)), cut: 0, out: 0 };
      if (full?.out === 0) this.#drop(full);
    }
    const chunk = this.#current;
    const offset = chunk.cut;
    chunk.cut += length;
    return { chunk, offset };
  }

  #giveBack(chunk: Chunk, offset: number, length: number): void {
    chunk.out -= 1;
    if (chunk.out === 0 && chunk !== this.#current) {
      this.#drop(chunk);
      return;
    }
    const pieces = this.#spare.get(length);
    if (pieces === undefined) this.#spare.set(length, [{ chunk, offset }]);
    else pieces.push({ chunk, offset });
  }

  #drop(chunk: Chunk): void {
    for (const [length, pieces] of this.#spare) {
      this.#spare.set(
        length,
        pieces.filter((piece) => piece.chunk !== chunk),
      );
    }
    chunk.memory.release();
  }

  /** Gives the chunk that is left back, once no piece of it is out. */
  close(): void {
    const chunk = this.#current;
    this.#current = undefined;
    if (chunk?.out === 0) this.#drop(chunk);
  }
}

/** The smallest unit of memory that can be mapped: a page of the processor, or of the IOMMU where those are larger. */
export function mappingUnit(pageSizes: bigint): number {
  const smallest = pageSizes & -pageSizes;
  return smallest > pageSize() ? Number(smallest) : pageSize();
}
