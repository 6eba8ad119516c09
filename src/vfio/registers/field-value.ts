import type { FieldDescription, NamedValue, Register } from './register-map.js';

/** A field with a value for it: to be written, or to be compared with. */
export interface FieldAssignment {
  readonly field: FieldDescription;
  /** In the field's own bits. */
  readonly value: bigint;
  /** The named value that was asked for, where one was. */
  readonly named?: NamedValue;
}

/** The bits of a field in its register. */
export function maskOf({ low, bits }: FieldDescription): bigint {
  return maskBits(bits) << BigInt(low);
}

/** What `word` holds in a field. */
export function valueIn(word: bigint, { low, bits }: FieldDescription): bigint {
  return (word >> BigInt(low)) & maskBits(bits);
}

function maskBits(bits: number): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/** '[7:4]', '[0]'. */
export function bitsText({ low, bits }: FieldDescription): string {
  return bits === 1 ? `[${low}]` : `[${low + bits - 1}:${low}]`;
}

/** Whether `named` is a name of `value`. */
export function isNamed(value: bigint, { from, to, mask }: NamedValue): boolean {
  return mask === undefined ? value >= from && value <= to : (value & mask) === (from & mask);
}

/** The name of a field's value, as it is read or written: the first that fits it, else the one that stands for all others. */
export function nameOf(value: bigint, field: FieldDescription, usage: 'read' | 'write'): NamedValue | undefined {
  const usable = field.values.filter((one) => one.usage === 'both' || one.usage === usage);
  return (
    usable.find((one) => one.isDefault !== true && isNamed(value, one)) ??
    usable.find(({ isDefault }) => isDefault === true)
  );
}

/** Whether `word`, read from the register, has in the field what is wanted: the value, or any that the wanted name stands for. */
export function holds(word: bigint, { field, value, named }: FieldAssignment): boolean {
  const found = valueIn(word, field);
  if (named === undefined) return found === value;
  return named.isDefault === true ? nameOf(found, field, 'read') === named : isNamed(found, named);
}

/**
 * The bits of a register that are compared, and what they must be, so that all of `wanted` holds; undefined where a name stands for values
 * that no mask describes.
 */
export function comparison(wanted: readonly FieldAssignment[]): { mask: bigint; want: bigint } | undefined {
  let [mask, want] = [0n, 0n];
  for (const { field, value, named } of wanted) {
    if (named?.isDefault === true) return undefined;
    if (named !== undefined && named.mask === undefined && named.from !== named.to) return undefined;
    const bits = (named?.mask ?? maskBits(field.bits)) & maskBits(field.bits);
    mask |= bits << BigInt(field.low);
    want |= (value & bits) << BigInt(field.low);
  }
  return { mask, want };
}

/** Every bit of a register. */
export function allBits({ width }: Register): bigint {
  return maskBits(width);
}
