import { describedBits } from './decode.js';
import { allBits, maskOf } from './field-value.js';
import type { Access, FieldDescription, ReadEffect, Register, WriteConstraint, WriteEffect } from './register-map.js';
import type { RegisterSet } from './register-set.js';

/** Bits of a register that behave alike: a field, the whole of a register without fields, or the bits that no field describes. */
export interface Part {
  readonly name: string;
  readonly mask: bigint;
  readonly access: Access;
  readonly writeEffect: WriteEffect;
  readonly readEffect?: ReadEffect;
  readonly constraint?: WriteConstraint;
  readonly field?: FieldDescription;
}

const known = new WeakMap<Register, readonly Part[]>();

/** The parts of a register, which cover all of its bits. Worked out once: scripts write one register again and again. */
export function partsOf(register: Register): readonly Part[] {
  const parts = known.get(register) ?? partsIn(register);
  known.set(register, parts);
  return parts;
}

function partsIn(register: Register): readonly Part[] {
  if (register.fields.length === 0) return [{ ...register, name: register.path, mask: allBits(register) }];
  const parts: Part[] = register.fields.map((field) => ({ ...field, mask: maskOf(field), field }));
  const rest = allBits(register) & ~describedBits(register);
  if (rest !== 0n) parts.push({ name: 'bits without a field', mask: rest, access: 'reserved', writeEffect: 'modify' });
  return parts;
}

/** Whether a write of the part does anything at all. */
export function isWritable({ access }: Pick<Part, 'access'>): boolean {
  return access !== 'ro' && access !== 'reserved';
}

/**
 * What leaves a part alone when it is written: zeros where ones act, ones where zeros do. Undefined where every write acts, or where what is
 * written stays.
 */
export function neutralOf({ writeEffect, mask }: Part): bigint | undefined {
  if (writeEffect === 'w1c' || writeEffect === 'w1s' || writeEffect === 'w1t') return 0n;
  return writeEffect === 'w0c' || writeEffect === 'w0s' || writeEffect === 'w0t' ? mask : undefined;
}

/**
 * The bits of a place that have the value of an access afterwards: what a read brought, where only a write changes it; what a write stored. Where
 * no map describes the place it is taken for memory. Bits count from the place's own lowest.
 */
export function keptBits(
  registers: RegisterSet,
  kind: 'read' | 'write',
  space: string,
  offset: number,
  width: number,
): bigint {
  let kept = (1n << BigInt(width)) - 1n;
  for (const register of registers.registersIn(space, offset, offset + width / 8)) {
    const shift = (register.offset - offset) * 8;
    for (const part of partsOf(register)) {
      const stored = part.access === 'rw' || (kind === 'write' && part.access === 'wo');
      if (stored && part.writeEffect === 'modify' && part.readEffect === undefined) continue;
      kept &= ~(shift >= 0 ? part.mask << BigInt(shift) : part.mask >> BigInt(-shift));
    }
  }
  return kept;
}
