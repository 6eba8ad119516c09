import { VfioError } from '../vfio/errors.js';
import {
  comparison as fieldBits,
  type FieldAssignment,
  holds as fieldHolds,
  valueIn,
} from '../vfio/registers/field-value.js';
import { maxOf } from '../vfio/width.js';
import { hexValue } from '../views/numbers.js';
import type { Location, MaskedValue } from './arguments.js';
import type { Comparison, Operator } from './arguments/comparison.js';
import { fieldText } from './field-text.js';
import { checkComparable } from './fit.js';
import { namedBits, nameOf } from './named-place.js';

const compare: Readonly<Record<Operator, (left: bigint, right: bigint) => boolean>> = {
  '==': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

/** Whether `word`, read from the place, is as wanted. */
export function holds(wanted: Comparison, word: bigint): boolean {
  if (wanted.kind === 'fields') return wanted.fields.every((one) => fieldHolds(word, one));
  const { at, operator } = wanted;
  const mask = wanted.wanted.mask ?? maxOf(at.width);
  return compare[operator](namedBits(at.field, word) & mask, wanted.wanted.value & mask);
}

/** The bits of a word that are compared with what, where that is all there is to it: a poll by machine code can do that. */
export function bitsOf(wanted: Comparison): { readonly mask: bigint; readonly want: bigint } | undefined {
  if (wanted.kind === 'fields') return fieldBits(wanted.fields);
  const { at, operator } = wanted;
  if (operator !== '==') return undefined;
  const { value, mask = at.field === undefined ? maxOf(at.width) : (1n << BigInt(at.field.bits)) - 1n } = wanted.wanted;
  const low = BigInt(at.field?.low ?? 0);
  return { mask: mask << low, want: (value & mask) << low };
}

/** Throws VfioError where nothing that is read could ever be as wanted, or where what is read is not the value. */
export function checkWanted(operation: string, wanted: Comparison): void {
  if (wanted.kind === 'fields') {
    for (const { field } of wanted.fields) refuseWriteOnly(operation, wanted.at, field.name, field.access);
    return;
  }
  const { at, wanted: value } = wanted;
  const { register, field } = at;
  if (register !== undefined) refuseWriteOnly(operation, at, field?.name, (field ?? register).access);
  if (field === undefined) checkComparable(operation, at, value);
  else checkField(operation, at, field.bits, value);
}

function refuseWriteOnly(operation: string, at: Location, field: string | undefined, access: string): void {
  if (access !== 'wo' && access !== 'wo-once') return;
  const name = `${at.name ?? ''}${field === undefined ? '' : `.${field}`}`;
  throw new VfioError({
    ...placeIn(operation, at),
    why: `${name} can only be written: what a read brings is not its value`,
  });
}

function checkField(operation: string, at: Location, bits: number, { value, mask }: MaskedValue): void {
  const most = (1n << BigInt(bits)) - 1n;
  const wide = [value, mask ?? 0n].find((each) => each > most);
  if (wide !== undefined) {
    const why = `0x${wide.toString(16)} does not fit the ${bits} bits of ${at.field?.name ?? 'the field'}`;
    throw new VfioError({ ...placeIn(operation, at), why, hint: `up to 0x${most.toString(16)}` });
  }
  if (mask === undefined || (value & ~mask) === 0n) return;
  const why = `the value 0x${value.toString(16)} has bits outside the mask 0x${mask.toString(16)}`;
  throw new VfioError({ ...placeIn(operation, at), why });
}

function placeIn(operation: string, { space, offset, width }: Location) {
  return { kind: 'access', operation, space: space.name, offset, width } as const;
}

/** 'region0+0x20 == 0x00000000 in the bits 0x1', 'region1.CTRL EN=1 MODE=FAST'. */
export function wantedText(wanted: Comparison): string {
  const { at } = wanted;
  if (wanted.kind === 'fields') return `${nameOf(at)} ${wanted.fields.map(assignmentText).join(' ')}`;
  const {
    operator,
    wanted: { value, mask },
  } = wanted;
  const bits = mask === undefined ? '' : ` in the bits 0x${mask.toString(16)}`;
  return `${nameOf(at)} ${operator} ${valueText(at, value)}${bits}`;
}

/** What was read, for a sentence with 'it is': the value, and of fields that are compared those that are not as wanted. */
export function foundText(wanted: Comparison, word: bigint): string {
  const { at } = wanted;
  if (wanted.kind === 'value') return valueText(at, namedBits(at.field, word));
  const wrong = wanted.fields.filter((one) => !fieldHolds(word, one));
  const found = wrong.map(({ field }) => `${field.name}=${fieldText(field, valueIn(word, field))}`);
  return `${hexValue(word, at.width)} (${found.join(' ')})`;
}

function assignmentText({ field, value, named }: FieldAssignment): string {
  return `${field.name}=${named?.name ?? fieldText(field, value)}`;
}

function valueText({ field, width }: Location, value: bigint): string {
  return field === undefined ? hexValue(value, width) : fieldText(field, value);
}
