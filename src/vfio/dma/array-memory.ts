import { VfioError } from '../errors.js';
import { addressOf } from '../sys/libc.js';
import { bytesText } from './mapping.js';
import type { Memory } from './memory.js';

/** The memory behind the arrays that buffers handed out. */
const behindArrays = new WeakMap<ArrayBufferLike, Memory>();

/** `array` is over bytes of `memory`. */
export function noteArray(array: ArrayBufferLike, memory: Memory): void {
  behindArrays.set(array, memory);
}

/**
 * The memory of an array of JavaScript, where it is whole pages. What else lies in a page would be the device's as well, and a copy would not be
 * the array, so anything else is refused, with a VfioError. An array of a buffer comes with the buffer's file, any other without.
 */
export function arrayMemory(bytes: Uint8Array, unit: number): Memory {
  const { byteLength: length } = bytes;
  if (length === 0) throw refusal('the array is empty');
  const address = addressOf(bytes);
  if (address % unit !== 0 || length % unit !== 0) {
    const what = address % unit === 0 ? `has ${length} bytes` : `begins 0x${(address % unit).toString(16)} into a page`;
    throw refusal(`a device is given whole pages of ${bytesText(unit)}, and the array ${what}`);
  }
  const owner = behindArrays.get(bytes.buffer);
  return {
    kind: 'memory',
    address,
    length,
    fd: owner?.fd ?? -1,
    fdOffset: owner === undefined ? 0 : owner.fdOffset + address - owner.address,
    writable: true,
    zeroed: false,
    // It holds the array as well: its memory stays in place as long as it is reachable.
    gone: () => (bytes.byteLength === length ? undefined : 'the array was taken apart (transferred, or resized)'),
    release: () => undefined,
  };
}

function refusal(why: string): VfioError {
  return new VfioError({
    kind: 'unsupported',
    operation: 'map an array',
    why,
    hint: "make the memory with dma.alloc('name', size) and use its u8, u32 and u64",
  });
}
