import { tooWideHint } from '../vfio/access-rules.js';
import { VfioError } from '../vfio/errors.js';
import { maxOf } from '../vfio/width.js';
import type { Location, MaskedValue } from './arguments.js';

/** Throws VfioError where `value` or its mask has more bits than an access at `at`: what is cut off would be gone unseen. */
export function checkFits(operation: string, at: Location, { value, mask }: MaskedValue): void {
  const most = maxOf(at.width);
  if (value > most) refuse(operation, at, 'value', value);
  if (mask !== undefined && mask > most) refuse(operation, at, 'mask', mask);
}

/** The same for a value that is compared: a bit of it outside the mask could never be found. */
export function checkComparable(operation: string, at: Location, wanted: MaskedValue): void {
  checkFits(operation, at, wanted);
  const { value, mask } = wanted;
  if (mask === undefined || (value & ~mask) === 0n) return;
  throw new VfioError({
    ...placeOf(operation, at),
    why: `the value 0x${value.toString(16)} has bits outside the mask 0x${mask.toString(16)}`,
    hint: `VALUE:MASK compares the bits of MASK only: 0x${(value & mask).toString(16)}:0x${mask.toString(16)}`,
  });
}

function refuse(operation: string, at: Location, what: 'value' | 'mask', word: bigint): never {
  const why = `the ${what} 0x${word.toString(16)} does not fit ${at.width} bits`;
  throw new VfioError({ ...placeOf(operation, at), why, hint: tooWideHint(word, at.width) });
}

function placeOf(
  operation: string,
  { space, offset, width }: Location,
): { kind: 'access'; operation: string; space: string; offset: number; width: Location['width'] } {
  return { kind: 'access', operation, space: space.name, offset, width };
}
