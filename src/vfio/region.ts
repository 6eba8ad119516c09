import {
  accessDetails,
  addFault,
  blankFaults,
  checkAccess,
  checkBlock,
  decodeWord,
  encodeWord,
  isHeldBack,
  moreOf,
  type Operation,
  roomIn,
  runInside,
  wordOf,
} from './access-rules.js';
import { VfioError } from './errors.js';
import type { Gate } from './gate.js';
import { type Journal, monotonicNs } from './journal.js';
import type { RegionHost } from './region-host.js';
import type {
  AccessOptions,
  Block,
  BlockFault,
  BlockReadOptions,
  BlockShape,
  PollRequest,
  PollResult,
  Space,
} from './space.js';
import type { AccessEngine } from './sys/access-engine.js';
import type { RegionInfo } from './transport/transport.js';
import { bytesOf, type Width } from './width.js';
import type { Window } from './window.js';

type Reason = ReturnType<RegionHost['explain']>;

/** A window with the address of its mapping once there is one. */
interface Mapped extends Window {
  address: number;
}

/**
 * One region of a device: exact-width access with bounds, alignment, permission and journal in one place.
 * A window is mapped on its first access, so that opening a device maps nothing.
 */
export class Region implements Space {
  readonly index: number;
  readonly info: RegionInfo;
  readonly name: string;
  /** Other names; those that a device tree or a profile gives come by Device.nameRegion(). */
  readonly aliases: string[];
  readonly owner: string;
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly #host: RegionHost;
  readonly #journal: Journal;
  readonly #gate: Gate;
  readonly #id: number;
  #windows: (Window & { address?: number })[] | undefined;
  #engine: AccessEngine | undefined;
  /** The mapped window that was used last: the hot path's only lookup. */
  #hot: Mapped | undefined;
  readonly #scratch = Buffer.alloc(8);
  /** While a block is read: why its cells were refused, by errno. Asking reads config space, which is done once for a block. */
  #reasons: Map<string, Reason> | undefined;

  constructor(host: RegionHost, info: RegionInfo, name: string, aliases: string[]) {
    this.#host = host;
    this.#journal = host.journal;
    this.#gate = host.gate;
    this.index = info.index;
    this.info = info;
    this.name = name;
    this.aliases = aliases;
    this.owner = host.name;
    this.size = info.size;
    this.readable = info.readable;
    this.writable = info.writable;
    this.#id = host.journal.registerSpace(name);
  }

  /** The windows by path, in order; none is mapped by asking. */
  get windows(): readonly Window[] {
    return this.#allWindows();
  }

  /** Forgets the windows (their mappings are the device's to release), so that the next access chooses its path anew. */
  forgetWindows(): void {
    this.#windows = undefined;
    this.#hot = undefined;
  }

  /** One 8-bit load at byte `offset`. */
  read8(offset: number): number {
    const hot = this.#hot;
    if (hot !== undefined && offset >= hot.start && offset < hot.end && offset % 1 === 0 && !this.#gate.shut) {
      const value = this.#engine!.read8(hot.address + offset - hot.start);
      if (value <= 0xff) {
        this.#journal.read(this.#id, 8, offset, value);
        return value;
      }
      throw this.#busFault('read', 8, offset);
    }
    return this.#read(8, offset) as number;
  }

  /** One 16-bit load at byte `offset`, which must be even. */
  read16(offset: number): number {
    const hot = this.#hot;
    if (hot !== undefined && offset >= hot.start && offset + 2 <= hot.end && offset % 2 === 0 && !this.#gate.shut) {
      const value = this.#engine!.read16(hot.address + offset - hot.start);
      if (value <= 0xffff) {
        this.#journal.read(this.#id, 16, offset, value);
        return value;
      }
      throw this.#busFault('read', 16, offset);
    }
    return this.#read(16, offset) as number;
  }

  /** One 32-bit load at byte `offset`, a multiple of 4. */
  read32(offset: number): number {
    const hot = this.#hot;
    if (hot !== undefined && offset >= hot.start && offset + 4 <= hot.end && offset % 4 === 0 && !this.#gate.shut) {
      const value = this.#engine!.read32(hot.address + offset - hot.start);
      if (value <= 0xffffffff) {
        this.#journal.read(this.#id, 32, offset, value);
        return value;
      }
      throw this.#busFault('read', 32, offset);
    }
    return this.#read(32, offset) as number;
  }

  /** One 64-bit load at byte `offset`, a multiple of 8. */
  read64(offset: number): bigint {
    return this.#read(64, offset) as bigint;
  }

  /** One 8-bit store and no load. */
  write8(offset: number, value: number): void {
    this.#write(8, offset, value);
  }

  /** One 16-bit store and no load. */
  write16(offset: number, value: number): void {
    this.#write(16, offset, value);
  }

  /** One 32-bit store and no load. */
  write32(offset: number, value: number): void {
    const hot = this.#hot;
    const inside = hot !== undefined && offset >= hot.start && offset + 4 <= hot.end && offset % 4 === 0;
    if (inside && value >>> 0 === value && this.writable && !this.#gate.shut) {
      const time = monotonicNs();
      if (!this.#engine!.write32(hot.address + offset - hot.start, value)) throw this.#busFault('write', 32, offset);
      this.#journal.write(this.#id, 32, offset, value, time);
    } else this.#write(32, offset, value);
  }

  /** One 64-bit store and no load. */
  write64(offset: number, value: bigint): void {
    this.#write(64, offset, value);
  }

  read(width: Width, offset: number, options?: AccessOptions): number | bigint {
    if (width === 32 && options === undefined) return this.read32(offset);
    return this.#read(width, offset, options);
  }

  write(width: Width, offset: number, value: number | bigint, options?: AccessOptions): void {
    if (width === 32 && options === undefined && typeof value === 'number') this.write32(offset, value);
    else this.#write(width, offset, value, options);
  }

  #read(width: Width, offset: number, options?: AccessOptions): number | bigint {
    checkAccess(this, 'read', width, offset);
    if (this.#gate.shut && isHeldBack(this.#gate, this, 'read', width, offset)) return width === 64 ? 0n : 0;
    const window = this.#windowAt(offset, bytesOf(width));
    const value = isMapped(window)
      ? this.#load(window, width, offset)
      : this.#fetch(width, offset, options?.allowSplit === true);
    this.#journal.read(this.#id, width, offset, value);
    return value;
  }

  #load(window: Mapped, width: Width, offset: number): number | bigint {
    const engine = this.#engine!;
    const address = window.address + offset - window.start;
    if (width === 64) {
      const value = engine.read64(address);
      if (value === undefined) throw this.#busFault('read', width, offset);
      return value;
    }
    const value = width === 32 ? engine.read32(address) : width === 16 ? engine.read16(address) : engine.read8(address);
    if (value > 0xffffffff) throw this.#busFault('read', width, offset);
    return value;
  }

  #fetch(width: Width, offset: number, allowSplit: boolean): number | bigint {
    this.#keepsWidth('read', width, offset, allowSplit);
    const bytes = this.#scratch.subarray(0, bytesOf(width));
    try {
      this.#host.transport.read(this.info, offset, bytes);
    } catch (error) {
      throw this.#refused('read', width, offset, error);
    }
    return decodeWord(bytes, width, 0);
  }

  #write(width: Width, offset: number, value: number | bigint, options?: AccessOptions): void {
    checkAccess(this, 'write', width, offset);
    const word = wordOf(this, width, offset, value);
    if (this.#gate.shut && isHeldBack(this.#gate, this, 'write', width, offset, moreOf.word(word))) return;
    const window = this.#windowAt(offset, bytesOf(width));
    const time = monotonicNs();
    if (isMapped(window)) this.#store(window, width, offset, word);
    else this.#send(width, offset, word, options?.allowSplit === true);
    this.#journal.write(this.#id, width, offset, word, time);
  }

  #store(window: Mapped, width: Width, offset: number, word: number | bigint): void {
    const engine = this.#engine!;
    const address = window.address + offset - window.start;
    let done: boolean;
    if (typeof word === 'bigint') done = engine.write64(address, word);
    else if (width === 32) done = engine.write32(address, word);
    else if (width === 16) done = engine.write16(address, word);
    else done = engine.write8(address, word);
    if (!done) throw this.#busFault('write', width, offset);
  }

  #send(width: Width, offset: number, word: number | bigint, allowSplit: boolean): void {
    this.#keepsWidth('write', width, offset, allowSplit);
    const bytes = this.#scratch.subarray(0, bytesOf(width));
    encodeWord(bytes, width, 0, word);
    try {
      this.#host.transport.write(this.info, offset, bytes);
    } catch (error) {
      throw this.#refused('write', width, offset, error);
    }
  }

  readBlock(shape: BlockShape, options?: BlockReadOptions): Block {
    this.#reasons = options?.tally?.reasons ?? new Map();
    try {
      return this.#readBlock(shape, options);
    } finally {
      this.#reasons = undefined;
    }
  }

  #readBlock(shape: BlockShape, options?: BlockReadOptions): Block {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    const stride = checkBlock(this, 'read', shape);
    const bytes = options?.into === undefined ? new Uint8Array(count * step) : roomIn(options.into, count * step);
    const faults: BlockFault[] = [];
    if (this.#gate.shut && isHeldBack(this.#gate, this, 'read', width, offset, moreOf.cells(count))) {
      bytes.fill(0);
      return { offset, width, count, stride, bytes, faults };
    }
    for (let index = 0; index < count;) {
      const at = offset + index * stride;
      const window = this.#windowAt(at, step);
      if (isMapped(window)) {
        const run = runInside(window.end - at, stride, step, count - index);
        const into = bytes.subarray(index * step, (index + run) * step);
        const done = this.#engine!.readBlock(width, window.address + at - window.start, run, stride, into);
        index += done;
        if (done === run) continue;
        addFault(faults, index, this.#busFault('read', width, at + done * stride));
      } else {
        try {
          encodeWord(bytes, width, index * step, this.#fetch(width, at, options?.allowSplit === true));
        } catch (error) {
          if (!(error instanceof VfioError) || error.kind !== 'access') throw error;
          addFault(faults, index, error);
        }
      }
      index += 1;
    }
    const failed = blankFaults(bytes, faults, step);
    if (options?.tally) options.tally.add(count, failed);
    else {
      const made = { space: this.name, offset, width, count, stride, faults: failed };
      this.#journal.block({ kind: 'read-block', ...made }, bytes);
    }
    return { offset, width, count, stride, bytes, faults };
  }

  writeBlock(shape: BlockShape, from: Uint8Array, options?: AccessOptions): void {
    const { offset, width, count } = shape;
    const step = bytesOf(width);
    const stride = checkBlock(this, 'write', shape);
    const words = roomIn(from, count * step);
    if (this.#gate.shut && isHeldBack(this.#gate, this, 'write', width, offset, moreOf.cells(count))) return;
    const time = monotonicNs();
    let index = 0;
    try {
      while (index < count) {
        const at = offset + index * stride;
        const window = this.#windowAt(at, step);
        if (isMapped(window)) {
          const run = runInside(window.end - at, stride, step, count - index);
          const part = words.subarray(index * step, (index + run) * step);
          const done = this.#engine!.writeBlock(width, window.address + at - window.start, part, run, stride);
          index += done;
          if (done < run) throw this.#busFault('write', width, at + done * stride);
        } else {
          this.#send(width, at, decodeWord(words, width, index * step), options?.allowSplit === true);
          index += 1;
        }
      }
    } finally {
      if (index > 0) {
        const made = { space: this.name, offset, width, count: index, stride, faults: 0 };
        this.#journal.block({ kind: 'write-block', ...made }, words.subarray(0, index * step), time);
      }
    }
  }

  poll(width: Width, offset: number, request: PollRequest): PollResult {
    checkAccess(this, 'read', width, offset);
    if (this.#gate.shut && isHeldBack(this.#gate, this, 'poll', width, offset, moreOf.poll)) {
      return { matched: true, value: request.want, iterations: 0 };
    }
    const window = this.#windowAt(offset, bytesOf(width));
    let result: PollResult;
    if (isMapped(window)) {
      const address = window.address + offset - window.start;
      const polled = this.#engine!.poll(width, address, request.mask, request.want, request.iterations);
      if (polled === undefined) throw this.#busFault('read', width, offset);
      result = polled;
    } else {
      let value = 0n;
      let iterations = 0;
      do {
        value = BigInt(this.#fetch(width, offset, false));
        iterations += 1;
      } while ((value & request.mask) !== request.want && iterations < request.iterations);
      result = { matched: (value & request.mask) === request.want, value, iterations };
    }
    const { iterations: count } = result;
    const last = width === 64 ? result.value : Number(result.value);
    if (count === 1) this.#journal.read(this.#id, width, offset, last);
    else
      this.#journal.block({ kind: 'read-block', space: this.name, offset, width, count, stride: 0, faults: 0, last });
    return result;
  }

  #allWindows(): (Window & { address?: number })[] {
    if (!this.#windows) {
      const engine = this.#host.engine();
      if ('unavailable' in engine) this.#windows = this.#host.windows(this.info, engine.unavailable);
      else {
        this.#engine = engine;
        this.#windows = this.#host.windows(this.info);
      }
    }
    return this.#windows;
  }

  /** The window that holds all of an access, mapped if it is to be mapped; a straddling access takes the other path. */
  #windowAt(offset: number, bytes: number): Window | Mapped {
    const windows = this.#allWindows();
    const at = windows.findIndex((window) => offset >= window.start && offset < window.end);
    const window = windows[at];
    if (window === undefined) throw new Error(`no window of ${this.name} holds offset ${offset}`);
    if (window.path !== 'mapped') return window;
    if (window.address === undefined) {
      try {
        window.address = this.#host.map(this.info, window.start, window.end);
      } catch (error) {
        if (!(error instanceof VfioError)) throw error;
        const path = this.#host.transport.accessPath;
        const unmapped: Window = { ...window, path, why: `mmap failed: ${error.details.errno ?? error.details.why}` };
        windows[at] = unmapped;
        return unmapped;
      }
    }
    if (offset + bytes > window.end) return { ...window, path: this.#host.transport.accessPath };
    const mapped = window as Mapped;
    this.#hot = mapped;
    return mapped;
  }

  #keepsWidth(operation: 'read' | 'write', width: Width, offset: number, allowSplit: boolean): void {
    if (allowSplit) return;
    const why = this.#host.transport.splits(this.info, offset, bytesOf(width));
    if (why === undefined) return;
    throw new VfioError({
      ...accessDetails(this, operation, width, offset),
      kind: 'unsupported',
      why: `no single access: ${why}`,
      hint: 'use a narrower access, or --allow-split',
    });
  }

  #busFault(operation: 'read' | 'write', width: Width, offset: number): VfioError {
    const { why, hint } = this.#explained(operation, width, offset, 'SIGBUS', this.#engine?.lastFault().code);
    return new VfioError({
      ...accessDetails(this, operation, width, offset),
      errno: 'SIGBUS',
      why,
      ...(hint !== undefined && { hint }),
    });
  }

  /** What the transport refused, with the place of the access added. */
  #refused(operation: 'read' | 'write', width: Width, offset: number, error: unknown): unknown {
    if (!(error instanceof VfioError)) return error;
    const errno = error.details.errno;
    const place = accessDetails(this, operation, width, offset);
    const plain = error.kind === 'access' || error.kind === 'kernel';
    if (plain && errno !== undefined) {
      return new VfioError({ ...place, errno, ...this.#explained(operation, width, offset, errno) }, { cause: error });
    }
    this.#journal.fault(operation, this.name, width, offset, errno ?? error.details.why);
    return new VfioError({ ...error.details, ...place, kind: error.kind, why: error.details.why }, { cause: error });
  }

  /** Notes a refused access, and says why it was; of a block's, the first for each reason: its own entry has their number. */
  #explained(operation: Operation, width: Width, offset: number, errno: string, signalCode?: number): Reason {
    const key = `${this.name} ${errno} ${signalCode ?? ''}`;
    const known = this.#reasons?.get(key);
    if (known) return known;
    this.#journal.fault(operation, this.name, width, offset, errno);
    const reason = this.#host.explain(this, errno, signalCode);
    this.#reasons?.set(key, reason);
    return reason;
  }
}

function isMapped(window: Window | Mapped): window is Mapped {
  return window.path === 'mapped';
}
