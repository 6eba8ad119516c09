import type { PropertyDescription } from '../profile/description.js';
import { numberOf } from '../registers/notation.js';

/**
 * A property's value in the notation of device-tree sources; empty for one without a value. Text that reads as a number (0x10, 24000000) is
 * one: JSON has no other way to write 64 bits.
 */
export function valueOf(given: PropertyDescription): string {
  if (given === true) return '';
  const list = [given].flat();
  const cells = list.map((one) => numberOf(one));
  const isNumbers = list.length > 0 && cells.every((cell): cell is bigint => typeof cell === 'bigint');
  return isNumbers ? `<${cells.map(cellsOf).join(' ')}>` : textOf(list.map(String));
}

/** Strings in the notation of device-tree sources. */
export function textOf(strings: readonly string[]): string {
  return strings.map(quoted).join(', ');
}

/** A number as one cell, or as two where it needs them. */
export function cellsOf(value: bigint): string {
  return value >> 32n === 0n ? `0x${value.toString(16)}` : pairOf(value);
}

/** A number of 64 bits as two cells. */
export function pairOf(value: bigint): string {
  return `0x${(value >> 32n).toString(16)} 0x${(value & 0xffffffffn).toString(16)}`;
}

/** A string of a source: what is not printable is escaped by its byte. */
function quoted(value: string): string {
  const bytes = Array.from(Buffer.from(value, 'utf8'), (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `"${bytes.join('')}"`;
}
