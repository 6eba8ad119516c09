import { counted } from './counted.js';
import { type FailureDetails, VfioError } from './errors.js';
import type { Gate } from './gate.js';
import type { BlockFault, BlockShape } from './space.js';
import { bytesOf, maxOf, type Width } from './width.js';

/** What the rules of access need to know of a space. */
export interface Ground {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** What the space is of, for messages. */
  readonly owner: string;
}

export type Operation = 'read' | 'write';

/** 'read region0+0x100 (32 bits)'. */
export function accessText(ground: Ground, operation: Operation, width: Width, offset: number): string {
  return `${operation} ${ground.name}+0x${offset.toString(16)} (${width} bits)`;
}

/**
 * Asks the gate for an access, where it is shut: throws VfioError where that is refused; true where a dry run has noted it and holds it back.
 * `more` says more of it than its place: ', 16 cells'.
 */
export function isHeldBack(
  gate: Gate,
  ground: Ground,
  action: 'read' | 'write' | 'poll',
  width: Width,
  offset: number,
  more = '',
): boolean {
  const text = accessText(ground, action === 'write' ? 'write' : 'read', width, offset) + more;
  return !gate.admit(action, text, { space: ground.name, offset, width });
}

/** What a write that is held back would have written, and a block's number of cells. */
export const moreOf = {
  word: (word: number | bigint): string => ` <- 0x${word.toString(16)}`,
  cells: (count: number): string => `, ${counted(count, 'cell')}`,
  poll: ' until it matches',
} as const;

/** Cells that were refused are no values, whatever the memory held before or a transfer left there. Gives how many there are. */
export function blankFaults(bytes: Uint8Array, faults: readonly BlockFault[], step: number): number {
  let failed = 0;
  for (const { index, count } of faults) {
    bytes.fill(0, index * step, (index + count) * step);
    failed += count;
  }
  return failed;
}

/** The details of a refused access, but for the reason. */
export function accessDetails(
  { name, owner }: Ground,
  operation: Operation,
  width: Width,
  offset: number,
): Omit<FailureDetails, 'why'> {
  return { kind: 'access', operation, device: owner, space: name, offset, width };
}

/** Throws VfioError where an access is not within its space, not aligned, or not permitted. */
export function checkAccess(ground: Ground, operation: Operation, width: Width, offset: number): void {
  const step = bytesOf(width);
  const fail = (why: string, hint: string): never => {
    throw new VfioError({ ...accessDetails(ground, operation, width, offset), why, hint });
  };
  if (!Number.isSafeInteger(offset) || offset < 0) {
    fail('the offset is no whole number of bytes', 'give an offset such as 0x100');
  }
  if (operation === 'read' && !ground.readable) fail(`${ground.name} cannot be read`, 'regions shows what VFIO allows');
  if (operation === 'write' && !ground.writable) fail(`${ground.name} is read-only`, 'regions shows what VFIO allows');
  if (offset + step > ground.size) {
    const last = Math.max(0, ground.size - (ground.size % step) - step);
    fail(
      `past the end: ${ground.name} has 0x${ground.size.toString(16)} bytes`,
      `the last offset at this width is 0x${last.toString(16)}`,
    );
  }
  if (offset % step !== 0) {
    const below = offset - (offset % step);
    fail(
      `not aligned: ${width} bits need a multiple of ${step}`,
      `the nearest are 0x${below.toString(16)} and 0x${(below + step).toString(16)}; .b reads single bytes`,
    );
  }
}

/** `value` as the number or bigint that an access of `width` takes; throws VfioError where it does not fit. */
export function wordOf(ground: Ground, width: Width, offset: number, value: number | bigint): number | bigint {
  const whole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (whole && value >= 0 && value <= maxOf(width)) return width === 64 ? BigInt(value) : Number(value);
  throw new VfioError({
    ...accessDetails(ground, 'write', width, offset),
    why: `the value ${typeof value === 'bigint' ? `0x${value.toString(16)}` : value} does not fit ${width} bits`,
    hint: tooWideHint(value, width),
  });
}

/** What to try with a value that has more bits than the access: one that is negative, or the complement of another, may be meant cut off. */
export function tooWideHint(value: number | bigint, width: Width): string {
  const wide = typeof value === 'bigint' && value >> BigInt(width) === 2n ** BigInt(64 - width) - 1n && width < 64;
  if (wide) return `in ${width} bits it is 0x${BigInt.asUintN(width, value).toString(16)}`;
  return 'use a wider access (.l is 32 bits, .q is 64), or a smaller value';
}

/** The stride of a block in bytes; throws VfioError where a cell of it would be refused. */
export function checkBlock(ground: Ground, operation: Operation, { offset, width, count, stride }: BlockShape): number {
  const step = bytesOf(width);
  const each = stride ?? step;
  const fail = (why: string, hint: string): never => {
    throw new VfioError({ ...accessDetails(ground, operation, width, offset), why, hint });
  };
  if (!Number.isSafeInteger(count) || count < 1) fail(`the count ${count} is not 1 or more`, 'give a number of cells');
  if (!Number.isSafeInteger(each) || each < 0 || each % step !== 0) {
    fail(`the stride ${each} is no multiple of ${step}`, 'a stride is 0 or a multiple of the width in bytes');
  }
  const most = each === 0 ? Infinity : Math.floor((ground.size - offset - step) / each) + 1;
  if (offset + step <= ground.size && count > most) {
    fail(
      `${counted(count, 'cell')} go past the end: ${ground.name} has 0x${ground.size.toString(16)} bytes`,
      `${counted(most, 'cell')} ${most === 1 ? 'fits' : 'fit'} from here`,
    );
  }
  checkAccess(ground, operation, width, offset);
  return each;
}

/** How many of `count` cells lie wholly inside the next `room` bytes. */
export function runInside(room: number, stride: number, step: number, count: number): number {
  return stride === 0 ? count : Math.min(count, Math.floor((room - step) / stride) + 1);
}

/** Adds a cell that was refused, to the fault before it where the reason is the same. */
export function addFault(faults: BlockFault[], index: number, error: VfioError): void {
  const last = faults.at(-1);
  const same = last !== undefined && last.index + last.count === index && last.error.details.why === error.details.why;
  if (same) faults[faults.length - 1] = { ...last, count: last.count + 1 };
  else faults.push({ index, count: 1, error });
}

/** The `needed` first bytes of the memory of a block; RangeError where it has fewer. */
export function roomIn(into: Uint8Array, needed: number): Uint8Array {
  if (into.byteLength < needed) throw new RangeError(`the cells need ${needed} bytes, not ${into.byteLength}`);
  return into.subarray(0, needed);
}

/** A little-endian word of packed bytes. */
export function decodeWord(bytes: Uint8Array, width: Width, at: number): number | bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytesOf(width));
  if (width === 64) return view.getBigUint64(0, true);
  if (width === 32) return view.getUint32(0, true);
  return width === 16 ? view.getUint16(0, true) : view.getUint8(0);
}

export function encodeWord(bytes: Uint8Array, width: Width, at: number, value: number | bigint): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, bytesOf(width));
  if (width === 64) view.setBigUint64(0, BigInt(value), true);
  else if (width === 32) view.setUint32(0, Number(value), true);
  else if (width === 16) view.setUint16(0, Number(value), true);
  else view.setUint8(0, Number(value));
}
