import { constants } from 'node:buffer';
import { VfioError } from '../errors.js';
import { memoryAt } from '../sys/libc.js';
import { noteArray } from './array-memory.js';
import { bytesText, type Mapping } from './mapping.js';
import type { Memory } from './memory.js';
import { MemorySpace, type MemorySpaceHost, type Spot } from './memory-space.js';
import { type ChangedRun, Shadow } from './shadow.js';

/** Bytes of a buffer, or of a guard, that are not what they were. */
export interface Change {
  /** Bytes from the start of the buffer: negative in the guard in front, from its size on in the guard behind. */
  readonly offset: number;
  readonly length: number;
  readonly where: 'buffer' | 'guard in front' | 'guard behind';
  /** The first bytes of the run, as they were and as they are: 16 at the most. */
  readonly old: Uint8Array;
  readonly new: Uint8Array;
}

/** What a buffer is made of. */
export interface BufferParts {
  readonly name: string;
  readonly memory: Memory;
  /** Bytes of the buffer itself. */
  readonly size: number;
  /** Bytes of guard on either side, part of the memory. */
  readonly guard: number;
}

/** What a buffer asks of its owner. */
export interface BufferOwner extends MemorySpaceHost {
  unmap(buffer: DmaBuffer): void;
  free(buffer: DmaBuffer): void;
}

/** Gives memory back when nothing of JavaScript can reach it any more. */
const unreachable = new FinalizationRegistry<Memory>((memory) => memory.release());

/**
 * Memory that a device can be pointed at: a space of the language, plain arrays in JavaScript, and a shadow that knows what this program wrote, so
 * that what the device wrote can be told. It keeps its memory while it is unmapped, until it is freed.
 */
export class DmaBuffer extends MemorySpace {
  readonly name: string;
  readonly size: number;
  readonly writable: boolean;
  readonly kind: Mapping['kind'];
  readonly guard: number;
  readonly #owner: BufferOwner;
  #memory: Memory | undefined;
  #shadow: Shadow | undefined;
  #mapping: Mapping | undefined;
  #views: ArrayBuffer | undefined;

  constructor(parts: BufferParts, owner: BufferOwner) {
    super(owner);
    const { name, memory, size, guard } = parts;
    this.name = name;
    this.size = size;
    this.writable = memory.writable;
    this.kind = memory.kind;
    this.guard = guard;
    this.#owner = owner;
    this.#memory = memory;
    if (guard > 0) {
      this.#poison(0);
      this.#poison(guard + size);
    }
    // What is in it already is nobody's change.
    if (!memory.zeroed) for (const _ of this.#look()) continue;
  }

  /** The address at which the device finds the buffer's first byte; undefined while it is not mapped. */
  get iova(): bigint | undefined {
    return this.#mapping === undefined ? undefined : this.#mapping.iova + BigInt(this.guard);
  }

  /** Its entry in the ledger, guards included. */
  get mapping(): Mapping | undefined {
    return this.#mapping;
  }

  /** Its memory, while it has any: for the owner. */
  get memory(): Memory | undefined {
    return this.#memory;
  }

  get freed(): boolean {
    return this.#memory === undefined;
  }

  /** The owner has mapped or unmapped it. */
  mapped(mapping: Mapping | undefined): void {
    this.#mapping = mapping;
  }

  /**
   * The buffer's bytes as plain memory. They are not seen as this program's own writes by `check`, and a file has none: it can be shortened under
   * them. The memory is there as long as one of these arrays is.
   */
  get u8(): Uint8Array {
    return new Uint8Array(this.#plain());
  }

  get u16(): Uint16Array {
    return new Uint16Array(this.#plain(), 0, this.size >> 1);
  }

  get u32(): Uint32Array {
    return new Uint32Array(this.#plain(), 0, this.size >> 2);
  }

  get u64(): BigUint64Array {
    return new BigUint64Array(this.#plain(), 0, Math.floor(this.size / 8));
  }

  #plain(): ArrayBuffer {
    const memory = this.#held('view');
    if (memory.kind !== 'buffer') {
      const why =
        memory.kind === 'file' ? 'a file can be shortened, which would end the process' : 'it is an array already';
      throw this.#failure('view', why, 'use read32, write32, readBlock and writeBlock');
    }
    if (this.size > constants.MAX_LENGTH) {
      throw this.#failure('view', `an array has ${bytesText(constants.MAX_LENGTH)} at the most`, 'use readBlock');
    }
    if (this.#views === undefined) {
      this.#views = memoryAt(memory.address + this.guard, this.size);
      unreachable.register(this.#views, memory);
      noteArray(this.#views, memory);
    }
    return this.#views;
  }

  /** What the device has changed since this was last asked, or since the buffer was made. Throws VfioError where a file became shorter. */
  check(): Change[] {
    return [...this.checking()].flat();
  }

  /** As `check`, a piece at a time. */
  *checking(): Generator<Change[]> {
    let runs = 0;
    let bytes = 0;
    for (const changes of this.#look()) {
      runs += changes.length;
      for (const { length } of changes) bytes += length;
      yield changes;
    }
    if (runs > 0)
      this.host.journal.note('dma', `the device has changed ${bytesText(bytes)} of ${this.name}`, { runs, bytes });
  }

  *#look(): Generator<Change[]> {
    const memory = this.#held('check');
    const shadow = this.#shadowOf(memory);
    const fault = (at: number): VfioError =>
      this.#failure('check', `nothing is behind ${this.name}+0x${at.toString(16)} any more`, 'was the file shortened?');
    const { guard, size } = this;
    const behind = memory.length - guard;
    if (guard > 0) yield* this.#changes(shadow.look(0, guard, fault), 'guard in front', guard);
    yield* this.#changes(shadow.look(guard, behind, fault), 'buffer', guard + size);
    if (guard > 0) yield* this.#changes(shadow.look(behind, memory.length, fault), 'guard behind', memory.length);
  }

  /** What lies at `end` or behind it is no part of the buffer: the rest of a file's last page. */
  *#changes(pieces: Iterable<ChangedRun[]>, where: Change['where'], end: number): Generator<Change[]> {
    for (const runs of pieces) {
      const inside = runs.filter(({ offset }) => offset < end);
      yield inside.map((run) => ({ ...run, offset: run.offset - this.guard, where }));
    }
  }

  /** Takes it away from the device; the memory stays, under its name. */
  unmap(): void {
    this.#owner.unmap(this);
  }

  /** Takes it away from the device and gives the memory back. */
  free(): void {
    this.#owner.free(this);
  }

  [Symbol.dispose](): void {
    if (!this.freed) this.free();
  }

  /** Gives the memory back: for the owner, which has unmapped it. */
  release(): void {
    const memory = this.#memory;
    this.#memory = undefined;
    this.#shadow = undefined;
    // Arrays that were handed out go on to be memory: it is released when the last of them is collected.
    if (this.#views === undefined) memory?.release();
    this.#views = undefined;
  }

  protected override spot(offset: number): Spot | { why: string; hint: string; room: number } {
    return this.spotIn(offset + this.guard);
  }

  /** Where byte `at` of the memory is, guards included: how the device's addresses see it. */
  spotIn(at: number): Spot | { why: string; hint: string; room: number } {
    const memory = this.#memory;
    const gone = memory === undefined ? 'the buffer was freed' : memory.gone?.();
    if (memory === undefined || gone !== undefined) {
      return { why: gone ?? 'the buffer was freed', hint: 'make another: dma alloc NAME SIZE', room: this.size };
    }
    return {
      address: memory.address + at,
      room: memory.length - at,
      writable: memory.writable,
      shadow: this.#shadowOf(memory),
      shadowAt: at,
    };
  }

  #shadowOf(memory: Memory): Shadow {
    this.#shadow ??= new Shadow(this.host.access, memory.address, memory.length);
    return this.#shadow;
  }

  /** 0xbad00000 + offset in every word of a guard: what reads past the buffer is known by it, and what writes there seen. */
  #poison(at: number): void {
    const memory = this.#held('guard');
    const words = Uint32Array.from({ length: this.guard / 4 }, (_, index) => (0xbad00000 + 4 * index) >>> 0);
    const bytes = new Uint8Array(words.buffer);
    this.host.access.writeBlock(32, memory.address + at, bytes, words.length, 4);
    this.#shadowOf(memory).wrote(at, bytes);
  }

  #held(operation: string): Memory {
    if (this.#memory === undefined) throw this.#failure(operation, 'the buffer was freed', 'make another');
    const gone = this.#memory.gone?.();
    if (gone !== undefined) throw this.#failure(operation, gone, 'free it and map another');
    return this.#memory;
  }

  #failure(operation: string, why: string, hint: string): VfioError {
    return new VfioError({ kind: 'absent', operation, device: this.host.name, space: this.name, why, hint });
  }
}
