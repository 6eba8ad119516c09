import { VfioError } from '../errors.js';
import type { DmaLimits } from '../transport/transport.js';
import type { Ledger } from './ledger.js';
import { bytesText, endOf, type Mapping, spanText } from './mapping.js';
import type { Place } from './request.js';

/** What is to be placed in the IOVA space. */
export interface Placement {
  readonly name: string;
  /** Bytes of the buffer itself. */
  readonly size: number;
  /** Bytes of guard on either side. */
  readonly guard: number;
  /** The smallest unit that can be mapped. */
  readonly unit: number;
  /** Where the buffer itself is to begin; chosen where undefined. */
  readonly iova?: bigint | undefined;
  /** All of it below 4 GiB, for a device with 32-bit addresses. */
  readonly low?: boolean | undefined;
}

/** An IOVA is chosen above this, so that a device that was given 0, or a small number, hits nothing. */
const LOWEST_CHOSEN = 0x100000n;
/** Buffers are aligned to their size up to this: the size of an IOMMU's large page on most machines. */
const MOST_ALIGNMENT = 0x200000n;
const FOUR_GIB = 1n << 32n;
const LAST_ADDRESS = (1n << 64n) - 1n;

/** The ranges that can be mapped; where nobody told them, all 64 bits. */
export function usableRanges({ ranges }: DmaLimits): DmaLimits['ranges'] {
  return ranges.length > 0 ? ranges : [{ first: 0n, last: LAST_ADDRESS }];
}

/**
 * The IOVA of the mapping, its guard in front included: what was asked for, if it is free and usable, else the lowest that fits (first-fit),
 * with the buffer aligned to its size up to 2 MiB. Throws VfioError 'limit' with the numbers that are in the way.
 */
export function placeMapping(wanted: Placement, limits: DmaLimits, ledger: Ledger<Mapping>, place: Place): bigint {
  const ranges = usableRanges(limits);
  const refuse = (why: string, hint: string): VfioError => new VfioError({ kind: 'limit', ...place, why, hint });
  const whole = wanted.size + 2 * wanted.guard;
  const top = wanted.low === true ? FOUR_GIB - 1n : LAST_ADDRESS;
  if (wanted.iova !== undefined) {
    const span = { iova: wanted.iova - BigInt(wanted.guard), size: whole };
    checkAsked(wanted, span.iova, whole, top, ranges, refuse);
    const other = ledger.overlapping(span);
    if (other !== undefined) {
      throw refuse(
        `${spanText(span)} overlaps ${other.name} (${spanText(other)})`,
        'leave --iova out to have one chosen, or unmap that one first',
      );
    }
    return span.iova;
  }
  const alignment = alignmentOf(wanted.size, wanted.unit);
  for (const bottom of [LOWEST_CHOSEN, 0n]) {
    for (const range of ranges) {
      const first = range.first > bottom ? range.first : bottom;
      const last = range.last < top ? range.last : top;
      if (first > last) continue;
      const fit = { size: whole, alignment, phase: BigInt(wanted.guard), first, last };
      const found = ledger.firstFit(fit);
      if (found !== undefined) return found;
    }
  }
  const below = wanted.low === true ? ' below 4 GiB' : '';
  throw refuse(
    `no ${bytesText(whole)} of IOVA${below} are free in one piece, aligned to ${bytesText(alignment)}`,
    ledger.count === 0 ? `the usable ranges are ${rangesText(ranges)}` : 'maps shows what is in the way',
  );
}

function checkAsked(
  { iova = 0n, unit, guard, low }: Placement,
  first: bigint,
  whole: number,
  top: bigint,
  ranges: DmaLimits['ranges'],
  refuse: (why: string, hint: string) => VfioError,
): void {
  if (iova % BigInt(unit) !== 0n) {
    const below = iova - (iova % BigInt(unit));
    throw refuse(
      `IOVA 0x${iova.toString(16)} is not aligned: mappings begin at multiples of ${bytesText(unit)}`,
      `the nearest are 0x${below.toString(16)} and 0x${(below + BigInt(unit)).toString(16)}`,
    );
  }
  const last = first + BigInt(whole) - 1n;
  const inside = ranges.some((range) => first >= range.first && last <= range.last);
  if (first < 0n || !inside) {
    const span = first < 0n ? `a guard in front of 0x${iova.toString(16)}` : spanText({ iova: first, size: whole });
    throw refuse(
      `${span}${guard > 0 && first >= 0n ? ', guards included,' : ''} is outside of the usable IOVA ranges`,
      `they are ${rangesText(ranges)}`,
    );
  }
  if (last > top && low === true) {
    throw refuse(`${spanText({ iova: first, size: whole })} is not below 4 GiB`, 'leave --low or --iova out');
  }
}

/** The next power of two, up to 2 MiB and no less than a page. */
function alignmentOf(size: number, unit: number): bigint {
  let alignment = BigInt(unit);
  while (alignment < size && alignment < MOST_ALIGNMENT) alignment <<= 1n;
  return alignment;
}

/** '0x0..0xfee00000, 0xfef00000..0x8000000000'. */
export function rangesText(ranges: DmaLimits['ranges']): string {
  const shown = ranges.slice(0, 8).map(({ first, last }) => `0x${first.toString(16)}..0x${(last + 1n).toString(16)}`);
  if (ranges.length > shown.length) shown.push(`and ${ranges.length - shown.length} more`);
  return shown.join(', ');
}

/** Where an address lies, against the mappings: in one, or between the nearest ones. */
export function whereabouts(iova: bigint, ledger: Ledger<Mapping>): string {
  const { at, below, above } = ledger.neighbours(iova);
  const hex = (value: bigint): string => `0x${value.toString(16)}`;
  if (at !== undefined) {
    const offset = iova - at.iova - BigInt(at.guard);
    if (offset < 0n) return `${hex(iova)} is in the guard in front of ${at.name}, ${hex(-offset)} before its start`;
    const size = BigInt(at.size - 2 * at.guard);
    if (offset < size) return `${hex(iova)} is ${at.name}+${hex(offset)}`;
    return `${hex(iova)} is in the guard behind ${at.name}, ${hex(offset - size)} past its end`;
  }
  const sides = [
    ...(below === undefined ? [] : [`${hex(iova - endOf(below))} past the end of ${below.name} (${spanText(below)})`]),
    ...(above === undefined ? [] : [`${hex(above.iova - iova)} before ${above.name} (${spanText(above)})`]),
  ];
  return sides.length === 0 ? 'nothing is mapped' : `${hex(iova)} is ${sides.join(' and ')}`;
}
