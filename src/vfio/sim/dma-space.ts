import { fstatSync } from 'node:fs';
import type { DmaMapRequest } from '../abi/vfio-user.js';
import * as libc from '../sys/libc.js';
import { EEXIST, EFAULT, EINVAL, EIO, ENOENT, ENOSPC, Refusal } from './model.js';

/** Client memory that was announced without an fd, reached by messages: one call, one message. */
export interface MessageMemory {
  read(iova: bigint, length: number): Promise<Uint8Array>;
  write(iova: bigint, bytes: Uint8Array): Promise<void>;
}

interface Mapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly memory: FileMemory | undefined;
}

/** A piece of an access that lies in one mapping. */
interface Piece {
  readonly mapping: Mapping;
  readonly iova: bigint;
  readonly start: number;
  readonly length: number;
}

export interface DmaSpaceOptions {
  readonly maxMappings: number;
  /** Most bytes in one message to the client. */
  readonly maxTransfer: () => number;
}

const END = 1n << 64n;
const PAGE = 4096n;

/** The client memory that a device can reach by DMA: what VFIO_USER_DMA_MAP announced. */
export class DmaSpace {
  readonly #options: DmaSpaceOptions;
  readonly #messages: MessageMemory;
  /** In order of IOVA; they do not overlap. */
  readonly #mappings: Mapping[] = [];
  readonly #files = new SharedFiles();

  constructor(options: DmaSpaceOptions, messages: MessageMemory) {
    this.#options = options;
    this.#messages = messages;
  }

  /** Adds a mapping and owns `fd` from then on. Throws a Refusal; the fd is then the caller's still. */
  map(request: DmaMapRequest, fd: number | undefined): void {
    const { address, size, offset, readable, writable } = request;
    const aligned = (address | size) % PAGE === 0n && (fd === undefined || offset % PAGE === 0n);
    if (size === 0n || !aligned || address + size > END)
      throw new Refusal(EINVAL, 'not whole pages of the address space');
    if (this.#mappings.length >= this.#options.maxMappings) throw new Refusal(ENOSPC, 'too many mappings');
    const at = this.#after(address);
    const before = this.#mappings[at - 1];
    const behind = this.#mappings[at];
    const free =
      (before === undefined || before.iova + before.size <= address) && (behind?.iova ?? END) >= address + size;
    if (!free) throw new Refusal(EEXIST, 'something is mapped there');
    const memory = fd === undefined ? undefined : this.#files.open(fd, offset, size, writable);
    this.#mappings.splice(at, 0, { iova: address, size, readable, writable, memory });
  }

  /** Takes away the mapping that was made with exactly this address and size. */
  unmap(address: bigint, size: bigint): void {
    const at = this.#after(address) - 1;
    const mapping = this.#mappings[at];
    if (mapping?.iova !== address || mapping.size !== size) throw new Refusal(ENOENT, 'no such mapping');
    this.#mappings.splice(at, 1);
    mapping.memory?.close();
  }

  clear(): void {
    for (const mapping of this.#mappings) mapping.memory?.close();
    this.#mappings.length = 0;
  }

  /** Reads memory; rejects with a Refusal (EFAULT) unless all of it is mapped for reading. */
  async read(iova: bigint, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (const { mapping, iova: at, start, length: part } of this.#pieces(iova, length, 'readable')) {
      const into = bytes.subarray(start, start + part);
      if (mapping.memory !== undefined) mapping.memory.read(at - mapping.iova, into);
      else into.set(await this.#messages.read(at, part));
    }
    return bytes;
  }

  /** Writes memory; rejects with a Refusal (EFAULT) unless all of it is mapped for writing. Nothing is written then. */
  async write(iova: bigint, bytes: Uint8Array): Promise<void> {
    for (const { mapping, iova: at, start, length } of this.#pieces(iova, bytes.length, 'writable')) {
      const part = bytes.subarray(start, start + length);
      if (mapping.memory !== undefined) mapping.memory.write(at - mapping.iova, part);
      else await this.#messages.write(at, part);
    }
  }

  #pieces(iova: bigint, length: number, right: 'readable' | 'writable'): Piece[] {
    const pieces: Piece[] = [];
    for (let start = 0; start < length;) {
      const at = iova + BigInt(start);
      const mapping = this.#mappings[this.#after(at) - 1];
      const left = mapping === undefined ? 0n : mapping.iova + mapping.size - at;
      if (mapping === undefined || left <= 0n || !mapping[right]) throw new Refusal(EFAULT, 'not mapped');
      const most = mapping.memory === undefined ? this.#options.maxTransfer() : length;
      const part = Math.min(length - start, most, left > BigInt(length) ? length : Number(left));
      pieces.push({ mapping, iova: at, start, length: part });
      start += part;
    }
    return pieces;
  }

  /** The index behind the last mapping that begins at or below `iova`. */
  #after(iova: bigint): number {
    let low = 0;
    let high = this.#mappings.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#mappings[middle]!.iova <= iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The client's files, each by one descriptor however often parts of it are mapped: thousands of mappings stay below `ulimit -n`. */
class SharedFiles {
  readonly #files = new Map<string, { readonly fd: number; users: number }>();

  /** Opens a part of a file and owns `fd` from then on. Throws a Refusal; the fd is then the caller's still. */
  open(fd: number, offset: bigint, size: bigint, writable: boolean): FileMemory {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    // A file that was opened for reading does not do for a mapping that is written to.
    const key = `${dev}:${ino}:${writable}`;
    const known = this.#files.get(key);
    const file = known ?? { fd, users: 0 };
    const memory = new FileMemory(file.fd, offset, size, () => {
      file.users -= 1;
      if (file.users > 0) return;
      this.#files.delete(key);
      libc.close(file.fd);
    });
    file.users += 1;
    if (known === undefined) this.#files.set(key, file);
    else libc.close(fd);
    return memory;
  }
}

/**
 * Client memory in a file. It is reached by pread and pwrite, which a client that shortens its file cannot turn into a SIGBUS; huge pages, which
 * cannot be written so, are mapped.
 */
class FileMemory {
  readonly #fd: number;
  readonly #offset: bigint;
  readonly #mapped: { readonly address: number; readonly length: number } | undefined;
  readonly #closeFile: () => void;

  constructor(fd: number, offset: bigint, size: bigint, closeFile: () => void) {
    const { size: fileSize, blksize } = fstatSync(fd, { bigint: true });
    if (offset + size > fileSize) throw new Refusal(EINVAL, 'the file is shorter than the mapping');
    this.#fd = fd;
    this.#offset = offset;
    this.#closeFile = closeFile;
    if (blksize <= BigInt(libc.pageSize())) return;
    const length = Number(size);
    const made = libc.mmap(length, libc.PROT_READ | libc.PROT_WRITE, libc.MAP_SHARED, fd, offset);
    if (made.errno !== 0) throw new Refusal(made.errno, 'the memory cannot be mapped');
    this.#mapped = { address: made.value, length };
  }

  read(offset: bigint, into: Uint8Array): void {
    if (this.#mapped !== undefined)
      into.set(new Uint8Array(libc.memoryAt(this.#mapped.address + Number(offset), into.length)));
    else if (libc.pread(this.#fd, into, this.#offset + offset).value !== into.length)
      throw new Refusal(EIO, 'the memory is gone');
  }

  write(offset: bigint, from: Uint8Array): void {
    if (this.#mapped !== undefined)
      new Uint8Array(libc.memoryAt(this.#mapped.address + Number(offset), from.length)).set(from);
    else if (libc.pwrite(this.#fd, from, this.#offset + offset).value !== from.length)
      throw new Refusal(EIO, 'the memory is gone');
  }

  close(): void {
    if (this.#mapped !== undefined) libc.munmap(this.#mapped.address, this.#mapped.length);
    this.#closeFile();
  }
}
