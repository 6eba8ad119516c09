import type { Block, BlockFault, BlockReadOptions, BlockShape, Space } from '../space.js';
import { bytesOf } from '../width.js';
import type { Caution } from './caution.js';

/** Cells of a block that were left out: `count` of them from `index` on, all for the same reason. */
export interface Skip {
  readonly index: number;
  readonly count: number;
  readonly reason: string;
}

/** What a careful block read brought. */
export interface BlockAround extends Block {
  /** Sorted; their bytes are zero and mean nothing. */
  readonly skipped: readonly Skip[];
}

/** The cells of a block that `cautions` forbid to read: those with a byte of one. Neighbours with one reason are one. */
export function skipsOf(shape: BlockShape, cautions: readonly Caution[]): readonly Skip[] {
  const { offset, width, count } = shape;
  const step = bytesOf(width);
  const stride = shape.stride ?? step;
  const skips: Skip[] = [];
  let next = 0;
  for (const { start, end, reason } of cautions.toSorted((one, other) => one.start - other.start)) {
    if (end <= offset || start >= offset + (count - 1) * stride + step) continue;
    const first = stride === 0 ? 0 : Math.max(next, Math.ceil((start - step + 1 - offset) / stride));
    const last = stride === 0 ? count - 1 : Math.min(count - 1, Math.floor((end - 1 - offset) / stride));
    if (first > last || first < next) continue;
    const before = skips.at(-1);
    const joins = before !== undefined && before.reason === reason && before.index + before.count === first;
    if (joins) skips[skips.length - 1] = { ...before, count: before.count + last - first + 1 };
    else skips.push({ index: first, count: last - first + 1, reason });
    next = last + 1;
  }
  return skips;
}

/**
 * Reads the cells of a block that no caution covers, each once, in order, and no other byte: what is looked at in passing (a dump, a
 * snapshot, a redraw) must not take words out of FIFOs or clear flags. Without a caution it is one block read.
 */
export function readAround(
  space: Space,
  shape: BlockShape,
  cautions: readonly Caution[],
  options?: BlockReadOptions,
): BlockAround {
  const skipped = skipsOf(shape, cautions);
  const step = bytesOf(shape.width);
  const stride = shape.stride ?? step;
  // A block that its space refuses as a whole is refused by it, whatever would be left out.
  const wrong =
    !space.readable || shape.offset % step !== 0 || shape.offset + (shape.count - 1) * stride + step > space.size;
  if (skipped.length === 0 || wrong) return { ...space.readBlock(shape, options), skipped };
  const { into, ...access } = options ?? {};
  const bytes = into?.subarray(0, shape.count * step) ?? new Uint8Array(shape.count * step);
  const faults: BlockFault[] = [];
  for (const { from, until } of between(skipped, shape.count)) {
    const part = { ...shape, offset: shape.offset + from * stride, count: until - from };
    const block = space.readBlock(part, { ...access, into: bytes.subarray(from * step, until * step) });
    for (const fault of block.faults) faults.push({ ...fault, index: fault.index + from });
  }
  for (const { index, count } of skipped) bytes.fill(0, index * step, (index + count) * step);
  const { offset, width, count } = shape;
  return { offset, width, count, stride, bytes, faults, skipped };
}

/** The runs [from, until) of `count` cells that lie between those of `left`, which are sorted. */
export function* between(
  left: readonly { readonly index: number; readonly count: number }[],
  count: number,
): Generator<{ readonly from: number; readonly until: number }> {
  let from = 0;
  for (const one of left) {
    if (one.index > from) yield { from, until: one.index };
    from = Math.max(from, one.index + one.count);
  }
  if (from < count) yield { from, until: count };
}
