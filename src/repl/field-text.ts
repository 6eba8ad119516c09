import { maskOf, nameOf, valueIn } from '../vfio/registers/field-value.js';
import type { FieldDescription, Register } from '../vfio/registers/register-map.js';
import type { Turn } from '../views/watch-view.js';

/** A field's value by its name where it has one: 'FAST', '0', '0x1f'. */
export function fieldText(field: FieldDescription, value: bigint): string {
  const name = nameOf(value, field, 'read')?.name;
  if (name !== undefined) return name;
  return field.bits === 1 ? value.toString() : `0x${value.toString(16)}`;
}

/** The fields of a register whose values are not what they were, lowest bit last. */
export function turns({ fields }: Register, old: bigint, now: bigint): Turn[] {
  return fields.flatMap((field) => {
    const [before, after] = [valueIn(old, field), valueIn(now, field)];
    if (before === after) return [];
    return [{ name: field.name, old: fieldText(field, before), new: fieldText(field, after) }];
  });
}

/** The fields of a register that hold any of the bits `mask`, with what `word` has in them: 'BUSY=1 MODE=FAST'. */
export function fieldsIn({ fields }: Register, word: bigint, mask: bigint): string {
  return fields
    .filter((field) => (maskOf(field) & mask) !== 0n)
    .map((field) => `${field.name}=${fieldText(field, valueIn(word, field))}`)
    .join(' ');
}
