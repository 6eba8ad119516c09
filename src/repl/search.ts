import type { BlockShape, Space } from '../vfio/space.js';
import { bytesOf, maxOf, type Width } from '../vfio/width.js';
import { type CellsRead, chunks, type ReadFlags, runsRead } from './cells.js';
import type { Context } from './command.js';

/** What is looked for: cells that have `value` in the bits of `mask`, or bytes that may begin anywhere. */
export type Sought = { readonly value: bigint; readonly mask: bigint | undefined } | { readonly bytes: Uint8Array };

/** A place that was found; `cell` is what stands there, where a value was sought. */
export interface Found {
  readonly offset: number;
  readonly cell?: bigint;
}

/**
 * Looks for `sought` in the cells of `shape`, packed one after another, a chunk at a time in constant memory: each cell is read once, and none whose
 * read has an effect (unless by force). What could not be read was not looked at. `hit` is called for each place, in their order; the
 * chunks are yielded for what was not read of them.
 */
export async function* search(
  context: Context,
  space: Space,
  shape: Required<BlockShape>,
  flags: ReadFlags,
  sought: Sought,
  hit: (found: Found) => void,
): AsyncGenerator<{ readonly done: number; readonly count: number; readonly block: CellsRead }> {
  const step = bytesOf(shape.width);
  const texts = 'bytes' in sought ? new ByteSearch(Buffer.from(sought.bytes), (offset) => hit({ offset })) : undefined;
  for await (const chunk of chunks(context, space, shape, flags)) {
    const { done, block, count } = chunk;
    const start = shape.offset + done * step;
    for (const { from, until } of runsRead(block, count)) {
      texts?.next(start + from * step, block.bytes.subarray(from * step, until * step));
      if ('bytes' in sought) continue;
      const mask = sought.mask ?? maxOf(shape.width);
      for (let index = from; index < until; index += 1) {
        const cell = cellAt(block.bytes, shape.width, index);
        if ((cell & mask) === sought.value) hit({ offset: start + index * step, cell });
      }
    }
    yield chunk;
  }
}

/** A cell of packed bytes as a bigint. */
export function cellAt(bytes: Uint8Array, width: Width, index: number): bigint {
  let word = 0n;
  for (let byte = bytesOf(width) - 1; byte >= 0; byte -= 1)
    word = (word << 8n) | BigInt(bytes[index * bytesOf(width) + byte] ?? 0);
  return word;
}

/**
 * Looks for bytes in the cells that could be read, block after block: a place that reaches from one cell into the next is found, one that
 * reaches into a cell that could not be read is not.
 */
class ByteSearch {
  readonly #needle: Buffer;
  readonly #hit: (offset: number) => void;
  /** The end of what was looked at, from `#at` on. */
  #tail = Buffer.alloc(0);
  #at = 0;

  constructor(needle: Buffer, hit: (offset: number) => void) {
    this.#needle = needle;
    this.#hit = hit;
  }

  /** Looks at `bytes`, which are from `offset` on. */
  next(offset: number, bytes: Uint8Array): void {
    const joins = this.#at + this.#tail.length === offset;
    const start = joins ? this.#at : offset;
    const all = joins ? Buffer.concat([this.#tail, bytes]) : Buffer.from(bytes);
    for (let at = all.indexOf(this.#needle); at >= 0; at = all.indexOf(this.#needle, at + 1)) this.#hit(start + at);
    const kept = Math.min(all.length, this.#needle.length - 1);
    this.#tail = all.subarray(all.length - kept);
    this.#at = start + all.length - kept;
  }
}
