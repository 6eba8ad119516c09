import {
  accessDetails,
  addFault,
  blankFaults,
  checkAccess,
  checkBlock,
  encodeWord,
  isHeldBack,
  moreOf,
  type Operation,
  roomIn,
  runInside,
  wordOf,
} from '../access-rules.js';
import { VfioError } from '../errors.js';
import type { Gate } from '../gate.js';
import { type Journal, monotonicNs } from '../journal.js';
import type { Block, BlockFault, BlockReadOptions, BlockShape, PollRequest, PollResult, Space } from '../space.js';
import { bytesOf, maxOf, type Width } from '../width.js';
import type { MemoryAccess } from './memory-access.js';
import type { Shadow } from './shadow.js';

/** Where an offset of a space is in memory. */
export interface Spot {
  /** Of this process. */
  readonly address: number;
  /** Bytes from there to the end of what is contiguous. */
  readonly room: number;
  readonly writable: boolean;
  /** What has to learn of writes, and the place in it. */
  readonly shadow: Shadow;
  readonly shadowAt: number;
}

export interface MemorySpaceHost {
  readonly name: string;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly access: MemoryAccess;
}

/**
 * Plain memory as a space: each read is one load and each write one store of exactly its width, bounds, alignment and journal as regions have
 * them. What is memory of which offset is the subclass's to say.
 */
export abstract class MemorySpace implements Space {
  abstract readonly name: string;
  abstract readonly size: number;
  abstract readonly writable: boolean;
  readonly aliases: readonly string[] = [];
  readonly readable = true;
  protected readonly host: MemorySpaceHost;
  readonly #cell = Buffer.alloc(8);
  #id: number | undefined;

  constructor(host: MemorySpaceHost) {
    this.host = host;
  }

  /** The device's name, for messages. */
  get owner(): string {
    return this.host.name;
  }

  /** Where `offset`, which is inside of the space, is; or why nothing is there, and for how many bytes. */
  protected abstract spot(
    offset: number,
  ): Spot | { readonly why: string; readonly hint: string; readonly room: number };

  read8(offset: number): number {
    return Number(this.read(8, offset));
  }

  read16(offset: number): number {
    return Number(this.read(16, offset));
  }

  read32(offset: number): number {
    return Number(this.read(32, offset));
  }

  read64(offset: number): bigint {
    return BigInt(this.read(64, offset));
  }

  write8(offset: number, value: number): void {
    this.write(8, offset, value);
  }

  write16(offset: number, value: number): void {
    this.write(16, offset, value);
  }

  write32(offset: number, value: number): void {
    this.write(32, offset, value);
  }

  write64(offset: number, value: bigint): void {
    this.write(64, offset, value);
  }

  read(width: Width, offset: number): number | bigint {
    checkAccess(this, 'read', width, offset);
    if (this.host.gate.shut && isHeldBack(this.host.gate, this, 'read', width, offset)) return width === 64 ? 0n : 0;
    const { address } = this.#spotOf('read', width, offset);
    const { access, journal } = this.host;
    let value: number | bigint | undefined;
    if (width === 64) value = access.read64(address);
    else if (width === 32) value = access.read32(address);
    else value = width === 16 ? access.read16(address) : access.read8(address);
    if (value === undefined || value > maxOf(width)) throw this.#fault('read', width, offset);
    journal.read(this.#spaceId(), width, offset, value);
    return value;
  }

  write(width: Width, offset: number, value: number | bigint): void {
    if (!this.writable) throw this.#readOnly(width, offset);
    checkAccess(this, 'write', width, offset);
    const word = wordOf(this, width, offset, value);
    if (this.host.gate.shut && isHeldBack(this.host.gate, this, 'write', width, offset, moreOf.word(word))) return;
    const spot = this.#spotOf('write', width, offset);
    const { access, journal } = this.host;
    const time = monotonicNs();
    let done: boolean;
    if (typeof word === 'bigint') done = access.write64(spot.address, word);
    else if (width === 32) done = access.write32(spot.address, word);
    else if (width === 16) done = access.write16(spot.address, word);
    else done = access.write8(spot.address, word);
    if (!done) throw this.#fault('write', width, offset);
    encodeWord(this.#cell, width, 0, word);
    spot.shadow.wrote(spot.shadowAt, this.#cell.subarray(0, bytesOf(width)));
    journal.write(this.#spaceId(), width, offset, word, time);
  }

  readBlock(shape: BlockShape, options?: BlockReadOptions): Block {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    const stride = checkBlock(this, 'read', shape);
    const bytes = options?.into === undefined ? new Uint8Array(count * step) : roomIn(options.into, count * step);
    const faults: BlockFault[] = [];
    if (this.host.gate.shut && isHeldBack(this.host.gate, this, 'read', width, offset, moreOf.cells(count))) {
      bytes.fill(0);
      return { offset, width, count, stride, bytes, faults };
    }
    const { access, journal } = this.host;
    for (let index = 0; index < count;) {
      const at = offset + index * stride;
      const spot = this.spot(at);
      const run = runInside(spot.room, stride, step, count - index);
      if ('why' in spot) {
        faults.push({ index, count: run, error: this.#error('read', width, at, spot) });
        index += run;
        continue;
      }
      const done = access.readBlock(width, spot.address, run, stride, bytes.subarray(index * step));
      index += done;
      if (done === run) continue;
      addFault(faults, index, this.#fault('read', width, at + done * stride));
      index += 1;
    }
    const failed = blankFaults(bytes, faults, step);
    if (options?.tally) options.tally.add(count, failed);
    else {
      const made = { space: this.name, offset, width, count, stride, faults: failed };
      journal.block({ kind: 'read-block', ...made }, bytes);
    }
    return { offset, width, count, stride, bytes, faults };
  }

  writeBlock(shape: BlockShape, from: Uint8Array): void {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    if (!this.writable) throw this.#readOnly(width, offset);
    const stride = checkBlock(this, 'write', shape);
    const words = roomIn(from, count * step);
    if (this.host.gate.shut && isHeldBack(this.host.gate, this, 'write', width, offset, moreOf.cells(count))) return;
    const { access, journal } = this.host;
    const time = monotonicNs();
    let index = 0;
    try {
      while (index < count) {
        const at = offset + index * stride;
        const spot = this.#spotOf('write', width, at);
        const run = runInside(spot.room, stride, step, count - index);
        const part = words.subarray(index * step, (index + run) * step);
        const done = access.writeBlock(width, spot.address, part, run, stride);
        shadowBlock(spot, part, done, step, stride);
        index += done;
        if (done < run) throw this.#fault('write', width, at + done * stride);
      }
    } finally {
      const made = { space: this.name, offset, width, count: index, stride, faults: 0 };
      if (index > 0) journal.block({ kind: 'write-block', ...made }, words.subarray(0, index * step), time);
    }
  }

  poll(width: Width, offset: number, request: PollRequest): PollResult {
    checkAccess(this, 'read', width, offset);
    if (this.host.gate.shut && isHeldBack(this.host.gate, this, 'poll', width, offset, moreOf.poll)) {
      return { matched: true, value: request.want, iterations: 0 };
    }
    const { address } = this.#spotOf('read', width, offset);
    const { access, journal } = this.host;
    const result = access.poll(width, address, request.mask, request.want, request.iterations);
    if (result === undefined) throw this.#fault('read', width, offset);
    const { iterations: count } = result;
    const last = width === 64 ? result.value : Number(result.value);
    if (count === 1) journal.read(this.#spaceId(), width, offset, last);
    else journal.block({ kind: 'read-block', space: this.name, offset, width, count, stride: 0, faults: 0, last });
    return result;
  }

  /** Known to the journal from the first access on: most of many buffers are never accessed by name. */
  #spaceId(): number {
    this.#id ??= this.host.journal.registerSpace(this.name);
    return this.#id;
  }

  #spotOf(operation: Operation, width: Width, offset: number): Spot {
    const spot = this.spot(offset);
    if ('why' in spot) throw this.#error(operation, width, offset, spot);
    if (operation === 'read' || spot.writable) return spot;
    throw this.#readOnly(width, offset);
  }

  #readOnly(width: Width, offset: number): VfioError {
    const why = 'the file was opened for reading only';
    return this.#error('write', width, offset, { why, hint: 'map it with --prot rw' });
  }

  #fault(operation: Operation, width: Width, offset: number): VfioError {
    this.host.journal.fault(operation, this.name, width, offset, 'SIGBUS');
    return this.#error(operation, width, offset, {
      errno: 'SIGBUS',
      why: 'nothing is behind this place of the memory any more',
      hint: 'was the file shortened?',
    });
  }

  #error(
    operation: Operation,
    width: Width,
    offset: number,
    { why, hint, errno }: { readonly why: string; readonly hint: string; readonly errno?: string },
  ): VfioError {
    const details = { ...accessDetails(this, operation, width, offset), why, hint };
    return new VfioError(errno === undefined ? details : { ...details, errno });
  }
}

function shadowBlock({ shadow, shadowAt }: Spot, from: Uint8Array, cells: number, step: number, stride: number): void {
  if (stride === step) shadow.wrote(shadowAt, from.subarray(0, cells * step));
  else {
    for (let index = 0; index < cells; index += 1) {
      shadow.wrote(shadowAt + index * stride, from.subarray(index * step, (index + 1) * step));
    }
  }
}
