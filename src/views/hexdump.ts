import { createRequire } from 'node:module';
import type { hexy } from 'hexy';

/** The two columns of a hexdump line: 'ed 00 00 01 ' (three characters a byte) and the same bytes as characters. */
export interface ByteColumns {
  readonly hex: string;
  readonly characters: string;
}

let format: typeof hexy | undefined;

/** Loaded when the first dump is shown. */
function loaded(): typeof hexy {
  if (format === undefined) {
    const module: { hexy: typeof hexy } = createRequire(import.meta.url)('hexy');
    format = module.hexy;
  }
  return format;
}

/**
 * hexy's byte view of `bytes`, a pair of columns for each line of `perLine` bytes. Addresses are the caller's, since
 * hexy's hold 32 bits only; and so is the choice of how many lines at once, since it builds one string of all of them.
 */
export function byteColumns(bytes: Uint8Array, perLine: number): ByteColumns[] {
  if (bytes.length === 0) return [];
  // A plain Uint8Array would be taken for text, and the options object is changed by the call: a new one each time.
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines = loaded()(buffer, { bytesPerLine: perLine, bytesPerGroup: 1, showAddress: false }).split('\n');
  const columns: ByteColumns[] = [];
  for (let start = 0; start < bytes.length; start += perLine) {
    const count = Math.min(perLine, bytes.length - start);
    const line = lines[start / perLine] ?? '';
    // hexy lets DEL through.
    columns.push({ hex: line.slice(0, count * 3), characters: line.slice(-count).replaceAll('\x7f', '.') });
  }
  return columns;
}
