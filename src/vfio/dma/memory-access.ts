import { type AccessEngine, accessEngine } from '../sys/access-engine.js';
import { memoryAt } from '../sys/libc.js';
import { bytesOf, type Width } from '../width.js';

/** How plain memory is accessed: as device registers are, since a device may be polling it. */
export type MemoryAccess = Omit<AccessEngine, 'raw' | 'lastFault'>;

let chosen: MemoryAccess | undefined;

/** The access stubs, or what stands in for them on processors that have none. */
export function memoryAccess(): MemoryAccess {
  if (chosen === undefined) {
    const engine = accessEngine();
    chosen = 'engine' in engine ? engine.engine : atomics;
  }
  return chosen;
}

/**
 * Without stubs, Atomics: one load or one exchange of the width, which a device cannot tell from a store, for this is memory. Blocks are copied.
 * Memory that is not there ends the process.
 */
export const atomics: MemoryAccess = {
  read8: (address) => Number(load(8, address)),
  read16: (address) => Number(load(16, address)),
  read32: (address) => Number(load(32, address)),
  read64: (address) => load(64, address),
  write8: (address, value) => store(8, address, BigInt(value)),
  write16: (address, value) => store(16, address, BigInt(value)),
  write32: (address, value) => store(32, address, BigInt(value)),
  write64: (address, value) => store(64, address, value),
  readBlock(width, address, count, strideBytes, into) {
    const step = bytesOf(width);
    if (strideBytes === step) into.set(new Uint8Array(memoryAt(address, count * step)));
    else {
      for (let index = 0; index < count; index += 1) {
        const cell = new Uint8Array(BigUint64Array.of(load(width, address + index * strideBytes)).buffer, 0, step);
        into.set(cell, index * step);
      }
    }
    return count;
  },
  writeBlock(width, address, from, count, strideBytes) {
    const step = bytesOf(width);
    if (strideBytes === step) new Uint8Array(memoryAt(address, count * step)).set(from.subarray(0, count * step));
    else {
      for (let index = 0; index < count; index += 1) {
        const word = new BigUint64Array(1);
        new Uint8Array(word.buffer).set(from.subarray(index * step, (index + 1) * step));
        store(width, address + index * strideBytes, word[0] ?? 0n);
      }
    }
    return count;
  },
  poll(width, address, mask, want, iterations) {
    let value = 0n;
    let made = 0;
    do {
      value = load(width, address);
      made += 1;
    } while ((value & mask) !== want && made < iterations);
    return { matched: (value & mask) === want, value, iterations: made };
  },
};

function load(width: Width, address: number): bigint {
  const memory = memoryAt(address, bytesOf(width));
  if (width === 64) return Atomics.load(new BigUint64Array(memory), 0);
  if (width === 32) return BigInt(Atomics.load(new Uint32Array(memory), 0));
  return BigInt(width === 16 ? Atomics.load(new Uint16Array(memory), 0) : Atomics.load(new Uint8Array(memory), 0));
}

function store(width: Width, address: number, value: bigint): true {
  const memory = memoryAt(address, bytesOf(width));
  if (width === 64) Atomics.store(new BigUint64Array(memory), 0, value);
  else if (width === 32) Atomics.store(new Uint32Array(memory), 0, Number(value));
  else if (width === 16) Atomics.store(new Uint16Array(memory), 0, Number(value));
  else Atomics.store(new Uint8Array(memory), 0, Number(value));
  return true;
}
