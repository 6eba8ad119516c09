import { type FailureDetails, VfioError } from '../errors.js';
import type { Gate } from '../gate.js';
import type { Journal } from '../journal.js';
import type { Block, BlockFault, BlockShape, PollRequest, PollResult, Space } from '../space.js';
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
  readonly shadow: Shadow | undefined;
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

  /** Where `offset`, which is inside of the space, is; or why nothing is there, and for how many bytes. */
  protected abstract spot(
    offset: number,
  ): Spot | { readonly why: string; readonly hint?: string; readonly room: number };

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
    this.#check('read', width, offset);
    if (this.host.gate.shut && !this.#admit('read', this.#describe('read', width, offset), width, offset)) {
      return width === 64 ? 0n : 0;
    }
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
    this.#check('write', width, offset);
    const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
    if (!whole || value < 0 || value > maxOf(width)) {
      throw this.#error('write', width, offset, {
        why: `the value ${typeof value === 'bigint' ? `0x${value.toString(16)}` : value} does not fit ${width} bits`,
        hint: 'use a wider access (.l is 32 bits, .q is 64), or a smaller value',
      });
    }
    if (this.host.gate.shut) {
      const text = `${this.#describe('write', width, offset)} <- 0x${value.toString(16)}`;
      if (!this.#admit('write', text, width, offset)) return;
    }
    const spot = this.#spotOf('write', width, offset);
    const { access, journal } = this.host;
    let done: boolean;
    if (width === 64) done = access.write64(spot.address, BigInt(value));
    else if (width === 32) done = access.write32(spot.address, Number(value));
    else if (width === 16) done = access.write16(spot.address, Number(value));
    else done = access.write8(spot.address, Number(value));
    if (!done) throw this.#fault('write', width, offset);
    if (spot.shadow !== undefined) {
      this.#cell.writeBigUInt64LE(BigInt(value));
      spot.shadow.wrote(spot.shadowAt, this.#cell.subarray(0, bytesOf(width)));
    }
    journal.write(this.#spaceId(), width, offset, width === 64 ? BigInt(value) : Number(value));
  }

  readBlock(shape: BlockShape): Block {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    const stride = this.#checkBlock('read', shape);
    const bytes = new Uint8Array(count * step);
    const faults: BlockFault[] = [];
    const text = `${this.#describe('read', width, offset)}, ${count} cells`;
    if (this.host.gate.shut && !this.#admit('read', text, width, offset))
      return { offset, width, count, stride, bytes, faults };
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
      faults.push({ index, count: 1, error: this.#fault('read', width, at + done * stride) });
      index += 1;
    }
    const failed = faults.reduce((sum, fault) => sum + fault.count, 0);
    journal.block({ kind: 'read-block', space: this.name, offset, width, count, stride, faults: failed });
    return { offset, width, count, stride, bytes, faults };
  }

  writeBlock(shape: BlockShape, from: Uint8Array): void {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    const stride = this.#checkBlock('write', shape);
    if (from.byteLength < count * step) throw new RangeError(`${count} cells need ${count * step} bytes`);
    const text = `${this.#describe('write', width, offset)}, ${count} cells`;
    if (this.host.gate.shut && !this.#admit('write', text, width, offset)) return;
    const { access, journal } = this.host;
    let index = 0;
    try {
      while (index < count) {
        const at = offset + index * stride;
        const spot = this.#spotOf('write', width, at);
        const run = runInside(spot.room, stride, step, count - index);
        const part = from.subarray(index * step, (index + run) * step);
        const done = access.writeBlock(width, spot.address, part, run, stride);
        if (spot.shadow !== undefined) shadowBlock(spot.shadow, spot.shadowAt, part, done, step, stride);
        index += done;
        if (done < run) throw this.#fault('write', width, at + done * stride);
      }
    } finally {
      if (index > 0) {
        journal.block({ kind: 'write-block', space: this.name, offset, width, count: index, stride, faults: 0 });
      }
    }
  }

  poll(width: Width, offset: number, request: PollRequest): PollResult {
    this.#check('read', width, offset);
    const text = `${this.#describe('read', width, offset)} until it matches`;
    if (this.host.gate.shut && !this.#admit('poll', text, width, offset))
      return { matched: true, value: request.want, iterations: 0 };
    const { address } = this.#spotOf('read', width, offset);
    const { access, journal } = this.host;
    const result = access.poll(width, address, request.mask, request.want, request.iterations);
    if (result === undefined) throw this.#fault('read', width, offset);
    const { value, iterations: count } = result;
    if (count === 1) journal.read(this.#spaceId(), width, offset, width === 64 ? value : Number(value));
    else journal.block({ kind: 'read-block', space: this.name, offset, width, count, stride: 0, faults: 0 });
    return result;
  }

  /** Known to the journal from the first access on: most of many buffers are never accessed by name. */
  #spaceId(): number {
    this.#id ??= this.host.journal.registerSpace(this.name);
    return this.#id;
  }

  #spotOf(operation: 'read' | 'write', width: Width, offset: number): Spot {
    const spot = this.spot(offset);
    if ('why' in spot) throw this.#error(operation, width, offset, spot);
    if (operation === 'write' && !spot.writable) {
      throw this.#error(operation, width, offset, {
        why: 'the file was opened for reading only',
        hint: 'map it with --prot rw',
      });
    }
    return spot;
  }

  #admit(action: 'read' | 'write' | 'poll', text: string, width: Width, offset: number): boolean {
    return this.host.gate.admit(action, text, { space: this.name, offset, width });
  }

  #check(operation: 'read' | 'write', width: Width, offset: number): void {
    const step = bytesOf(width);
    if (!Number.isSafeInteger(offset) || offset < 0) {
      throw this.#error(operation, width, offset, {
        why: 'the offset is no whole number of bytes',
        hint: 'give an offset such as 0x100',
      });
    }
    if (offset + step > this.size) {
      throw this.#error(operation, width, offset, {
        why: `past the end: ${this.name} has 0x${this.size.toString(16)} bytes`,
        hint: `the last offset at this width is 0x${Math.max(0, this.size - step).toString(16)}`,
      });
    }
    if (offset % step !== 0) {
      const below = offset - (offset % step);
      throw this.#error(operation, width, offset, {
        why: `not aligned: ${width} bits need a multiple of ${step}`,
        hint: `the nearest are 0x${below.toString(16)} and 0x${(below + step).toString(16)}; .b reads single bytes`,
      });
    }
  }

  #checkBlock(operation: 'read' | 'write', { offset, width, count, stride }: BlockShape): number {
    const step = bytesOf(width);
    const each = stride ?? step;
    if (!Number.isSafeInteger(count) || count < 1) {
      const why = `the count ${count} is not 1 or more`;
      throw this.#error(operation, width, offset, { why, hint: 'give a number of cells' });
    }
    if (!Number.isSafeInteger(each) || each < 0 || each % step !== 0) {
      throw this.#error(operation, width, offset, {
        why: `the stride ${each} is no multiple of ${step}`,
        hint: 'a stride is 0 or a multiple of the width in bytes',
      });
    }
    const most = each === 0 ? Infinity : Math.floor((this.size - offset - step) / each) + 1;
    if (offset + step <= this.size && count > most) {
      throw this.#error(operation, width, offset, {
        why: `${count} cells go past the end: ${this.name} has 0x${this.size.toString(16)} bytes`,
        hint: `${most} cells fit from here`,
      });
    }
    this.#check(operation, width, offset);
    return each;
  }

  #fault(operation: 'read' | 'write', width: Width, offset: number): VfioError {
    this.host.journal.fault(operation, this.name, width, offset, 'SIGBUS');
    return this.#error(operation, width, offset, {
      errno: 'SIGBUS',
      why: 'nothing is behind this place of the memory any more',
      hint: 'was the file shortened?',
    });
  }

  #error(
    operation: string,
    width: Width,
    offset: number,
    { why, hint, errno }: { readonly why: string; readonly hint?: string; readonly errno?: string },
  ): VfioError {
    const details: FailureDetails = {
      kind: 'access',
      operation,
      device: this.host.name,
      space: this.name,
      offset,
      width,
      why,
      ...(hint !== undefined && { hint }),
      ...(errno !== undefined && { errno }),
    };
    return new VfioError(details);
  }

  #describe(operation: string, width: Width, offset: number): string {
    return `${operation} ${this.name}+0x${offset.toString(16)} (${width} bits)`;
  }
}

/** How many of `count` cells lie wholly in `room` bytes; at least one, since cells are aligned and memory comes in pages. */
function runInside(room: number, stride: number, step: number, count: number): number {
  if (stride === 0) return count;
  return Math.max(1, Math.min(count, Math.floor((room - step) / stride) + 1));
}

function shadowBlock(shadow: Shadow, at: number, from: Uint8Array, cells: number, step: number, stride: number): void {
  if (stride === step) shadow.wrote(at, from.subarray(0, cells * step));
  else {
    for (let index = 0; index < cells; index += 1) {
      shadow.wrote(at + index * stride, from.subarray(index * step, (index + 1) * step));
    }
  }
}
