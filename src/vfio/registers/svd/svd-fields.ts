import type { AccessKind } from '../access-word.js';
import { type BitRange, bitRangeOf, valueRangeOf } from '../notation.js';
import type { FieldDescription, NamedValue, WriteConstraint } from '../register-map.js';
import { misplaced } from '../register-sketch.js';
import type { Width } from '../../width.js';
import { type Chain, type Derivations, inherited, inheritedMembers } from './derivation.js';
import type { Reading } from './reading.js';
import { namingOf } from './svd-names.js';
import { proseOf, scaledOf, short } from './svd-text.js';
import { accessWords, readActions, usages, writeActions } from './svd-words.js';
import type { Element } from './xml-tree.js';

export interface FieldContext {
  readonly reading: Reading;
  readonly derivations: Derivations;
  readonly width: Width;
  /** What the register is, and so its fields where they say nothing. */
  readonly kind: AccessKind;
  /** The register's writeConstraint, which its fields have too. */
  readonly constraint: WriteConstraint | undefined;
}

/** What a register or field says of access, modifiedWriteValues and readAction, in place of `otherwise`. */
export function effectsIn(chain: Chain, reading: Reading, otherwise: AccessKind): AccessKind {
  // An action that nobody knows is one all the same: the register is not to be read without being asked for.
  const readEffect = reading.word(inherited(chain, 'readAction'), readActions, 'modify') ?? otherwise.readEffect;
  return {
    access: reading.word(inherited(chain, 'access'), accessWords) ?? otherwise.access,
    writeEffect: reading.word(inherited(chain, 'modifiedWriteValues'), writeActions) ?? otherwise.writeEffect,
    ...(readEffect !== undefined && { readEffect }),
  };
}

/** writeConstraint of a register or field. */
export function constraintIn(chain: Chain, reading: Reading): WriteConstraint | undefined {
  const constraint = inherited(chain, 'writeConstraint');
  if (constraint === undefined) return undefined;
  const range = constraint.child('range');
  if (range !== undefined) {
    const from = reading.scaled(range.child('minimum'));
    const to = reading.scaled(range.child('maximum'));
    if (from !== undefined && to !== undefined && from <= to) return { kind: 'range', from, to };
    reading.report(range, 'the range needs a minimum and a maximum that is not below it');
    return undefined;
  }
  if (reading.flag(constraint.child('writeAsRead')) === true) return { kind: 'as-read' };
  return reading.flag(constraint.child('useEnumeratedValues')) === true ? { kind: 'enumerated' } : undefined;
}

/** The fields of a register, lists of them laid out. What cannot be used is reported and left out. */
export function fieldsIn(register: Chain, context: FieldContext): FieldDescription[] {
  const members = inheritedMembers(register, (element) =>
    element.all('fields').flatMap((fields) => fields.all('field')),
  );
  const taken = new Set<string>();
  return members.flatMap((element) => fieldsOf(element, context, taken));
}

function fieldsOf(element: Element, context: FieldContext, taken: Set<string>): FieldDescription[] {
  const { reading, derivations, width, kind } = context;
  const chain = derivations.chain(element);
  const range = bitsIn(chain, reading);
  const naming = range && namingOf(chain, reading, range.bits);
  if (range === undefined || naming === undefined || !reading.spend(1, element)) return [];
  const { low, bits } = range;
  const constraint = constraintIn(chain, reading) ?? context.constraint;
  const description = proseOf(inherited(chain, 'description')?.text ?? '');
  const rest = {
    bits,
    ...effectsIn(chain, reading, kind),
    values: valuesIn(chain, bits, context),
    ...(constraint !== undefined && { constraint }),
  };
  const { name, repeat } = naming;
  const found: FieldDescription[] = [];
  for (const [at, label] of (repeat?.labels ?? [undefined]).entries()) {
    const named = (text: string): string => (label === undefined ? text : text.replaceAll('%s', label));
    const each = named(repeat === undefined || name.includes('%s') ? name : `${name}%s`);
    const field = {
      name: each,
      low: low + at * (repeat?.stride ?? 0),
      ...rest,
      ...(description !== '' && { description: named(description) }),
    };
    const why = misplaced(field, width, taken);
    if (why === undefined) found.push(field);
    else reading.report(element, `${each}: ${why}`);
    taken.add(each);
    // One that lies beyond the register is followed by others that do.
    if (field.low >= width) break;
  }
  return found;
}

/**
 * bitRange, lsb and msb, or bitOffset and bitWidth: the style that the field itself uses, else that of what it is derived from. One that
 * only says where it begins is as wide as that.
 */
function bitsIn(chain: Chain, reading: Reading): BitRange | undefined {
  const [field] = chain;
  const index = chain.findIndex(isPlaced);
  const said = chain[index];
  if (field === undefined || said === undefined) {
    if (field !== undefined)
      reading.report(field, 'the field has no bits: bitRange, lsb and msb, or bitOffset and bitWidth');
    return undefined;
  }
  const pattern = said.child('bitRange');
  if (pattern !== undefined) return reading.value(pattern, bitRangeOf);
  const lsb = said.child('lsb');
  const low = reading.whole(lsb ?? said.child('bitOffset'));
  if (low === undefined) return undefined;
  const own = chain.slice(0, index + 1);
  const high = lsb === undefined ? undefined : reading.whole(inherited(own, 'msb'));
  const width = lsb === undefined ? reading.whole(inherited(own, 'bitWidth')) : undefined;
  const bases = chain.slice(index + 1);
  const bits =
    high === undefined
      ? (width ?? (bases.some(isPlaced) ? bitsIn(bases, reading)?.bits : undefined) ?? 1)
      : high - low + 1;
  if (bits >= 1) return { low, bits };
  reading.report(
    said,
    lsb === undefined ? 'bitWidth: a field has one bit at the least' : `msb ${high} is below lsb ${low}`,
  );
  return undefined;
}

/** Whether an element says itself where its bits are. */
function isPlaced(element: Element): boolean {
  return ['bitRange', 'lsb', 'bitOffset'].some((name) => element.child(name) !== undefined);
}

/** The names of a field's values: one list for reading and writing, or one for each. */
function valuesIn(chain: Chain, bits: number, { reading, derivations }: FieldContext): NamedValue[] {
  const lists = chain.find((element) => element.child('enumeratedValues') !== undefined)?.all('enumeratedValues') ?? [];
  return lists.flatMap((list) => {
    const bases = derivations.chain(list);
    const usage = reading.word(inherited(bases, 'usage'), usages) ?? 'both';
    const values = bases.find((each) => each.child('enumeratedValue') !== undefined)?.all('enumeratedValue') ?? [];
    if (!reading.spend(values.length, list)) return [];
    return values.flatMap((value) => valueIn(value, bits, usage, reading));
  });
}

function valueIn(element: Element, bits: number, usage: NamedValue['usage'], reading: Reading): NamedValue[] {
  const given = element.child('value');
  const name = element.child('name')?.text.trim() || given?.text.trim() || 'default';
  const description = proseOf(element.child('description')?.text ?? '');
  const rest = { name: name.replaceAll(/\s+/g, '_'), usage, ...(description !== '' && { description }) };
  if (reading.flag(element.child('isDefault')) === true) {
    return [{ ...rest, from: 0n, to: (1n << BigInt(bits)) - 1n, isDefault: true }];
  }
  if (given === undefined) {
    reading.report(element, `${short(name)} has neither a value nor isDefault`);
    return [];
  }
  const range = reading.value(given, (text) => {
    // Bits that do not matter are written in binary only; all else is a number as everywhere.
    if (/x/i.test(text.replace(/^\s*\+?0x/i, ''))) return valueRangeOf(text.replace('+', ''), bits);
    const value = scaledOf(text);
    return typeof value === 'string' ? value : valueRangeOf(value, bits);
  });
  return range === undefined ? [] : [{ ...rest, ...range }];
}
