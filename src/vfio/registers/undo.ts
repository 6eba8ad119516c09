import type { Device } from '../device.js';
import type { Width } from '../width.js';
import type { Past, PastWrite } from './history.js';
import type { Register } from './register-map.js';
import { resetOf } from './decode.js';
import { isWritable, neutralOf, type Part, partsOf } from './write-rules.js';

/** The write that takes one back. */
export interface BackWrite {
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  readonly value: bigint;
}

/** A write of the past, and how it is taken back or why it is not. */
export type Step =
  | { readonly past: Past; readonly back: BackWrite }
  | { readonly past: Past; readonly refused: string };

/**
 * How the writes of `pasts`, the most recent first, are taken back: each by a write of what was there before. Nothing is accessed. Only what
 * writing stores can be taken back, and only where it is known what was there, and where no later write of the place stays.
 */
export function stepsBack(device: Device, pasts: readonly Past[], force: boolean): readonly Step[] {
  const staying: Past[] = [];
  return pasts.map((past) => {
    const later = staying.find(({ entry }) => overlap(entry, past.entry));
    const step: Step =
      later === undefined
        ? stepBack(device, past, force)
        : { past, refused: 'a later write of the place is not taken back' };
    if ('refused' in step) staying.push(past);
    return step;
  });
}

function overlap(one: Past['entry'], other: Past['entry']): boolean {
  const endOf = (entry: Past['entry']): number =>
    entry.offset + ('stride' in entry ? (entry.count - 1) * entry.stride : 0) + entry.width / 8;
  return one.space === other.space && one.offset < endOf(other) && other.offset < endOf(one);
}

function stepBack(device: Device, past: Past, force: boolean): Step {
  if (past.gone !== undefined) return { past, refused: past.gone };
  if (!('old' in past)) return { past, refused: 'what a block of cells was before is not kept' };
  const { space, offset, width, value } = past.entry;
  const registers = device.registers.registersIn(space, offset, offset + width / 8);
  const all = (1n << BigInt(width)) - 1n;
  // The bits that the old value goes to; the others are written once more as they were.
  let restored = all;
  for (const register of registers) {
    for (const part of partsOf(register)) {
      const mask = inAccess(part.mask, register, offset) & all;
      if (mask === 0n) continue;
      const why = refusedPart(part, register, BigInt(value) & mask, { mask, offset });
      if (why !== undefined) return { past, refused: why };
      if (part.access !== 'rw' || part.writeEffect !== 'modify') restored &= ~mask;
    }
  }
  const described = registers.reduce((mask, one) => mask | inAccess((1n << BigInt(one.width)) - 1n, one, offset), 0n);
  const isRegion = device.regions.some(({ name }) => name === space);
  if (isRegion && (all & ~described) !== 0n && !force)
    return { past, refused: 'no map says what a write does there (--force takes it for memory)' };
  if ((restored & ~past.old.mask) !== 0n) return { past, refused: 'what was there before had not been read' };
  return { past, back: backWrite(past, restored) };
}

function backWrite({ entry, old }: PastWrite, restored: bigint): BackWrite {
  const { space, offset, width, value } = entry;
  return { space, offset, width, value: (BigInt(value) & ~restored) | (old.value & restored) };
}

/** Bits of a register as those of an access at `offset`. */
function inAccess(bits: bigint, register: Register, offset: number): bigint {
  const shift = (register.offset - offset) * 8;
  return shift >= 0 ? bits << BigInt(shift) : bits >> BigInt(-shift);
}

/** Why the write of `written` to a part cannot be taken back, if so; `mask` are the part's bits within the access at `offset`. */
function refusedPart(
  part: Part,
  register: Register,
  written: bigint,
  { mask, offset }: { readonly mask: bigint; readonly offset: number },
): string | undefined {
  if (!isWritable(part)) return undefined;
  const unchanged = (word: bigint): boolean => written === (inAccess(word & part.mask, register, offset) & mask);
  const name = part.field === undefined ? register.path : `${register.path}.${part.name}`;
  const reset = resetOf(register);
  // As a reset leaves it, it does nothing: set counts on that as well.
  if (part.access === 'wo' && (part.mask & ~reset.known) === 0n && unchanged(reset.value)) return undefined;
  if (part.access === 'wo') return `${name} can only be written: what writing it did stays done`;
  if (part.access !== 'rw') return `${name} takes one write after a reset`;
  if (part.writeEffect === 'modify') return undefined;
  const neutral = neutralOf(part);
  if (neutral !== undefined && written === (neutral === 0n ? 0n : mask)) return undefined;
  return `${name} is ${part.writeEffect}: what writing it did stays done`;
}
