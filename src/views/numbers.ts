import type { Width } from '../vfio/width.js';

/** `value` in hexadecimal, zero-padded to `width` bits: '0x010000ed'. */
export function hexValue(value: number | bigint, width: Width): string {
  return `0x${value.toString(16).padStart(width >> 2, '0')}`;
}

/** An offset or address with its space: 'region0+0x100'. */
export function place(space: string, offset: number | bigint): string {
  return `${space}+0x${offset.toString(16)}`;
}

/** Two lower-case digits for each byte value. */
export const hexBytes: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** `bytes` as digits without a separator, first byte first. */
export function hexString(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

const byteUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** '64 KiB', '1 GiB', '100 bytes': the largest unit that keeps them whole. */
export function bytesText(bytes: number | bigint): string {
  let count = BigInt(bytes);
  let unit = 0;
  for (; count > 0n && count % 1024n === 0n && unit < byteUnits.length - 1; unit++) count /= 1024n;
  return `${count} ${byteUnits[unit] ?? ''}`;
}

/** '1 mapping', '2 mappings'. */
export function countText(count: number | bigint, one: string, many = `${one}s`): string {
  return `${count} ${Number(count) === 1 ? one : many}`;
}

/** Nanoseconds with a unit and three digits: '41.2 us'. */
export function timeText(ns: number): string {
  if (ns < 999.5) return `${ns.toFixed(0)} ns`;
  if (ns < 999.5e3) return `${(ns / 1e3).toPrecision(3)} us`;
  return ns < 999.5e6 ? `${(ns / 1e6).toPrecision(3)} ms` : `${(ns / 1e9).toPrecision(3)} s`;
}
