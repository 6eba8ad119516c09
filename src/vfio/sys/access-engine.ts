import koffi, { type TypeObject } from 'koffi';
import { bytesOf, type Width } from '../width.js';
import { aarch64 } from './stubs/aarch64.js';
import { installCode } from './stubs/code-page.js';
import type { MachineCode, StubKind, StubName } from './stubs/machine-code.js';
import { x86_64 } from './stubs/x86_64.js';

/** The access that the bus refused last in this thread. */
export interface AccessFault {
  /** siginfo's si_code of the SIGBUS: BUS_ADRALN 1, BUS_ADRERR 2, BUS_OBJERR 3, BUS_MCEERR_AR 4. */
  readonly code: number;
  /** Where the refused access went, in this process's address space. */
  readonly address: bigint;
  /** How many elements of a block, or reads of a poll, had been completed before; 0 for a single access. */
  readonly completed: number;
}

/** What a poll saw: the last value, and how many reads it made. */
export interface Polled {
  readonly matched: boolean;
  readonly value: bigint;
  readonly iterations: number;
}

/** The machine code's own functions, bare: their results are described at the head of stubs/x86_64.s. */
export interface RawStubs {
  read8(this: void, address: number): number;
  read16(this: void, address: number): number;
  read32(this: void, address: number): number;
  read64(this: void, address: number, out: number): number;
  write8(this: void, address: number, value: number): number;
  write16(this: void, address: number, value: number): number;
  write32(this: void, address: number, value: number): number;
  write64(this: void, address: number, value: bigint): number;
}

/**
 * Access to mapped device registers: each call is exactly the loads or stores it says, by machine code that V8 cannot
 * merge, split, repeat or drop. An access that the bus refuses (SIGBUS) is a result, not a signal.
 *
 * Addresses are those that mmap gave. They are not checked here, nor is alignment, nor whether a value fits (its low
 * bits are written): an address outside a mapping ends the process with SIGSEGV, so bounds are the caller's duty.
 * A SIGBUS handler that is installed later must pass on to the one before it: never process.on('SIGBUS'), which does not.
 * Order among device accesses, and towards ordinary memory, is described in stubs/*.s.
 */
export interface AccessEngine {
  /** One load. A result over 0xff means that the access was refused: see lastFault. */
  read8(address: number): number;
  /** One load. A result over 0xffff means that the access was refused: see lastFault. */
  read16(address: number): number;
  /** One load. A result over 0xffff_ffff means that the access was refused: see lastFault. */
  read32(address: number): number;
  /** One load; undefined where it was refused. */
  read64(address: number): bigint | undefined;
  /** One store; false where it was refused. A posted store that the bus refuses later is not seen here. */
  write8(address: number, value: number): boolean;
  write16(address: number, value: number): boolean;
  write32(address: number, value: number): boolean;
  write64(address: number, value: bigint): boolean;
  /**
   * `count` loads of `width` bits, the first at `address`, each `strideBytes` behind the one before (0 drains a FIFO),
   * packed into `into`. Gives the number completed; fewer than `count` means that the next one was refused.
   * RangeError where `into` is too small, before any access. Runs to its end: the caller bounds `count`.
   */
  readBlock(width: Width, address: number, count: number, strideBytes: number, into: Uint8Array): number;
  /** `count` stores from `from`, packed, else as readBlock. */
  writeBlock(width: Width, address: number, from: Uint8Array, count: number, strideBytes: number): number;
  /**
   * Loads until `(value & mask) === want`, `iterations` times at most (1 or more); undefined where one was refused.
   * The processor's pause hint lies between loads.
   */
  poll(width: Width, address: number, mask: bigint, want: bigint, iterations: number): Polled | undefined;
  /** The refused access that was last in this thread; code 0 before the first. */
  lastFault(): AccessFault;
  readonly raw: RawStubs;
}

export type EngineChoice = { readonly engine: AccessEngine } | { readonly unavailable: string };

let chosen: EngineChoice | undefined;

/** This thread's engine, made on the first call, or why there is none on this machine. */
export function accessEngine(): EngineChoice {
  chosen ??= loadEngine(process.arch);
  return chosen;
}

/** The name of a SIGBUS's si_code, from asm-generic/siginfo.h. */
export function faultName(code: number): string {
  return faultNames[code] ?? `si_code ${code}`;
}
const faultNames: Readonly<Record<number, string>> = {
  1: 'BUS_ADRALN',
  2: 'BUS_ADRERR',
  3: 'BUS_OBJERR',
  4: 'BUS_MCEERR_AR',
  128: 'SI_KERNEL',
};

/** As accessEngine, for a processor by Node's name for it and without remembering. */
export function loadEngine(arch: string): EngineChoice {
  const code = arch === 'x64' ? x86_64 : arch === 'arm64' ? aarch64 : undefined;
  if (code === undefined) return { unavailable: `there are no access stubs for ${arch}` };
  const installed = installCode(code);
  return 'base' in installed ? { engine: engineAt(installed.base, code) } : installed;
}

type BlockStub = (address: number, memory: Uint8Array, count: number, stride: number) => number;
type ArrayStub = (address: number, memory: Uint8Array, count: number) => number;
type PollStub = (address: number, record: number) => number;

/** Built once: koffi keeps every prototype it was ever given. */
const prototypes = {
  read: koffi.proto('uint64_t', ['uintptr_t']),
  read64: koffi.proto('uint32_t', ['uintptr_t', 'uintptr_t']),
  write: koffi.proto('uint32_t', ['uintptr_t', 'uint32_t']),
  write64: koffi.proto('uint32_t', ['uintptr_t', 'uint64_t']),
  block: koffi.proto('uint64_t', ['uintptr_t', 'void *', 'uint64_t', 'uint64_t']),
  array: koffi.proto('uint64_t', ['uintptr_t', 'void *', 'uint64_t']),
  poll: koffi.proto('uint32_t', ['uintptr_t', 'uintptr_t']),
};

/** A refused block's result carries si_code above bit 44, a refused poll's above 256 (see stubs/*.s). */
const blockFault = 2 ** 44;
const pollFault = 256;
const refused = 2 ** 32;

function engineAt(base: number, code: MachineCode): AccessEngine {
  const stub = (name: StubName, prototype: TypeObject) => koffi.decode(BigInt(base + code.stubs[name]), prototype);
  // One call site per stub, each with a constant target: that is what V8 turns into the cheapest call.
  const read8: RawStubs['read8'] = stub('read8', prototypes.read);
  const read16: RawStubs['read16'] = stub('read16', prototypes.read);
  const read32: RawStubs['read32'] = stub('read32', prototypes.read);
  const read64: RawStubs['read64'] = stub('read64', prototypes.read64);
  const write8: RawStubs['write8'] = stub('write8', prototypes.write);
  const write16: RawStubs['write16'] = stub('write16', prototypes.write);
  const write32: RawStubs['write32'] = stub('write32', prototypes.write);
  const write64: RawStubs['write64'] = stub('write64', prototypes.write64);
  const perWidth = <Stub>(kind: StubKind, prototype: TypeObject): Record<Width, Stub> => ({
    8: stub(`${kind}8`, prototype),
    16: stub(`${kind}16`, prototype),
    32: stub(`${kind}32`, prototype),
    64: stub(`${kind}64`, prototype),
  });
  const readBlocks = perWidth<BlockStub>('readBlock', prototypes.block);
  const writeBlocks = perWidth<BlockStub>('writeBlock', prototypes.block);
  const readArrays = perWidth<ArrayStub>('readArray', prototypes.array);
  const writeArrays = perWidth<ArrayStub>('writeArray', prototypes.array);
  const polls = perWidth<PollStub>('poll', prototypes.poll);

  // What passes between JavaScript and a stub by memory, this thread's own. An ArrayBuffer's bytes never move.
  const slots = new BigUint64Array(new ArrayBuffer(4 * 8));
  const slotsAddress = Number(koffi.address(slots.buffer));

  let faultCode = 0;
  let faultAddress = 0;
  let faultCompleted = 0;
  const fault = (reason: number, address: number, before: number): void => {
    faultCode = reason;
    faultAddress = address;
    faultCompleted = before;
  };
  const faultedRead = (value: number, address: number): number => {
    fault(value - refused, address, 0);
    return refused;
  };
  const stored = (status: number, address: number): boolean => {
    if (status === 0) return true;
    fault(status, address, 0);
    return false;
  };
  const completed = (result: number, address: number, stride: number): number => {
    if (result < blockFault) return result;
    const done = result % blockFault;
    fault(Math.floor(result / blockFault), address + done * stride, done);
    return done;
  };

  return {
    read8(address) {
      const value = read8(address);
      return value < refused ? value : faultedRead(value, address);
    },
    read16(address) {
      const value = read16(address);
      return value < refused ? value : faultedRead(value, address);
    },
    read32(address) {
      const value = read32(address);
      return value < refused ? value : faultedRead(value, address);
    },
    read64(address) {
      const status = read64(address, slotsAddress);
      if (status === 0) return slots[0];
      fault(status, address, 0);
      return undefined;
    },
    write8: (address, value) => stored(write8(address, value), address),
    write16: (address, value) => stored(write16(address, value), address),
    write32: (address, value) => stored(write32(address, value), address),
    write64: (address, value) => stored(write64(address, value), address),
    readBlock(width, address, count, strideBytes, into) {
      checkBlock(width, count, strideBytes, into);
      const result =
        strideBytes === bytesOf(width)
          ? readArrays[width](address, into, count)
          : readBlocks[width](address, into, count, strideBytes);
      return completed(result, address, strideBytes);
    },
    writeBlock(width, address, from, count, strideBytes) {
      checkBlock(width, count, strideBytes, from);
      const result =
        strideBytes === bytesOf(width)
          ? writeArrays[width](address, from, count)
          : writeBlocks[width](address, from, count, strideBytes);
      return completed(result, address, strideBytes);
    },
    poll(width, address, mask, want, iterations) {
      if (!Number.isSafeInteger(iterations) || iterations < 1) throw new RangeError(`${iterations} reads are no poll`);
      slots[0] = mask;
      slots[1] = want;
      slots[2] = BigInt(iterations);
      const status = polls[width](address, slotsAddress);
      const made = Number(slots[2]);
      if (status >= pollFault) {
        fault(status - pollFault, address, made);
        return undefined;
      }
      return { matched: status === 1, value: slots[3] ?? 0n, iterations: made };
    },
    lastFault: () => ({ code: faultCode, address: BigInt(faultAddress), completed: faultCompleted }),
    raw: { read8, read16, read32, read64, write8, write16, write32, write64 },
  };
}

/** The stubs write where they are told to: what would go past `memory` must not reach them. */
function checkBlock(width: Width, count: number, strideBytes: number, memory: Uint8Array): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`${count} is no count of elements`);
  if (!Number.isSafeInteger(strideBytes) || strideBytes < 0)
    throw new RangeError(`${strideBytes} is no stride in bytes`);
  const needed = count * bytesOf(width);
  if (memory.byteLength < needed) {
    throw new RangeError(`${count} elements of ${width} bits need ${needed} bytes, not ${memory.byteLength}`);
  }
}
