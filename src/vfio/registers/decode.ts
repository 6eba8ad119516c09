import { allBits, maskOf, nameOf, valueIn } from './field-value.js';
import type { FieldDescription, NamedValue, Register } from './register-map.js';

/** A field with what a register's value has in it. */
export interface DecodedField {
  readonly field: FieldDescription;
  readonly value: bigint;
  readonly named?: NamedValue;
}

/** A register's value by its fields, the highest first, and what is in bits that no field describes. */
export interface Decoded {
  readonly fields: readonly DecodedField[];
  /** Runs of bits without a field that are not zero, the highest first. */
  readonly others: readonly { readonly low: number; readonly bits: number; readonly value: bigint }[];
}

/** Takes a value apart. Nothing is read. */
export function decode(register: Register, word: bigint, usage: 'read' | 'write' = 'read'): Decoded {
  const fields = register.fields.map((field): DecodedField => {
    const value = valueIn(word, field);
    const named = nameOf(value, field, usage);
    return { field, value, ...(named && { named }) };
  });
  return { fields, others: register.fields.length === 0 ? [] : setBits(word & ~describedBits(register), register) };
}

/** The bits that the fields of a register describe; all where it has none. */
export function describedBits(register: Register): bigint {
  if (register.fields.length === 0) return allBits(register);
  return register.fields.reduce((mask, field) => mask | maskOf(field), 0n) & allBits(register);
}

/** The bits of a register whose value after a reset is known, and that value. */
export function resetOf(register: Register): { readonly value: bigint; readonly known: bigint } {
  if (register.reset === undefined) return { value: 0n, known: 0n };
  return { value: register.reset, known: (register.resetMask ?? allBits(register)) & allBits(register) };
}

/** The runs of ones in `bits`, the highest first. */
function setBits(bits: bigint, { width }: Register): { low: number; bits: number; value: bigint }[] {
  const runs: { low: number; bits: number; value: bigint }[] = [];
  for (let bit = 0; bit < width; bit += 1) {
    if (((bits >> BigInt(bit)) & 1n) === 0n) continue;
    const last = runs.at(-1);
    if (last !== undefined && last.low + last.bits === bit) {
      runs[runs.length - 1] = { low: last.low, bits: last.bits + 1, value: (last.value << 1n) | 1n };
    } else runs.push({ low: bit, bits: 1, value: 1n });
  }
  return runs.toReversed();
}
