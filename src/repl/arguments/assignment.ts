import { bitsText, type FieldAssignment } from '../../vfio/registers/field-value.js';
import { findField, meant } from '../../vfio/registers/lookup.js';
import { nearest } from '../../vfio/nearest.js';
import type { FieldDescription, NamedValue, Register } from '../../vfio/registers/register-map.js';
import type { World } from '../environment.js';
import { parseExpression } from '../expression.js';
import type { Word } from '../lexer.js';
import { clip } from '../number.js';
import { fieldCandidate, gathered } from '../register-completion.js';
import { Scanner } from '../scanner.js';
import { type Argument, type Candidate, combine, type Parsed, valueOf } from './argument.js';
import { type DescribedLocation, parseRegister, register } from './register.js';
import type { Words } from './words.js';

/** Whether a value's name is looked for among those of values that are written, or that are read. */
export type NameUsage = 'read' | 'write';

/** A register with what each of some fields of it is to be. */
export interface Assignments {
  readonly at: DescribedLocation;
  readonly fields: readonly FieldAssignment[];
}

/** REG FIELD=VALUE...: each field once, its value a number or one of the names that the map has for it. */
export function assignments(summary: string, usage: NameUsage): Argument<Assignments> {
  const place = register(summary);
  return {
    label: 'REG FIELD=VALUE...',
    summary,
    presence: 'required',
    most: Infinity,
    parse(words) {
      const at = parseRegister(words);
      return combine<DescribedLocation | readonly FieldAssignment[], Assignments>(
        [at, parseAssignments(words, at, usage)],
        ([found, fields]) => ({ at: found as DescribedLocation, fields: fields as readonly FieldAssignment[] }),
      );
    },
    complete: (typed, world, before, earlier) =>
      before.length === 0
        ? place.complete(typed, world, before, earlier)
        : completeAssignment(typed, world, before[0] ?? '', before.slice(1), usage),
  };
}

/** Whether the next word has the form FIELD=VALUE: a name and one equals sign. */
export function beginsAssignment(words: Words): boolean {
  const next = words.peek();
  return next !== undefined && /^[A-Za-z_][\w[\]]*=(?!=)/.test(next.text);
}

/** The rest of the words, at least one, as FIELD=VALUE for the register `at`. Throws UsageError only. */
export function parseAssignments(
  words: Words,
  at: Parsed<DescribedLocation>,
  usage: NameUsage,
): Parsed<readonly FieldAssignment[]> {
  const given: Word[] = [];
  while (!words.done || given.length === 0) given.push(words.take('FIELD=VALUE'));
  const assign = (found: DescribedLocation): Parsed<readonly FieldAssignment[]> =>
    combine(
      given.map((word) => parseAssignment(words, word, found.register, usage)),
      (all) => checkedApart(words, given, all),
    );
  if ('constant' in at) return assign(at.constant);
  return { evaluate: (environment) => valueOf(assign(at.evaluate(environment)), environment) };
}

function parseAssignment(words: Words, word: Word, of: Register, usage: NameUsage): Parsed<FieldAssignment> {
  const equals = word.text.indexOf('=');
  const name = equals < 0 ? word.text : word.text.slice(0, equals);
  const field = findField(of, name);
  if (field === undefined) words.fail(`${of.path} has no field "${clip(name)}"${meant(name, of.fields)}`, word);
  if (equals < 0 || equals === word.text.length - 1)
    words.fail(`what is ${field.name} to be?`, word, `${field.name}=${exampleOf(field, usage)}`);
  const start = word.quoted ? word.start : word.start + equals + 1;
  const { end, quoted } = word;
  return parseFieldValue(words, { text: word.text.slice(equals + 1), start, end, quoted }, field, usage);
}

/** A value for `field`: a number, or one of the names that the map has for it. Throws UsageError only. */
export function parseFieldValue(
  words: Words,
  word: Word,
  field: FieldDescription,
  usage: NameUsage,
): Parsed<FieldAssignment> {
  const { text } = word;
  const named = valueNamed(field, text, usage);
  if (named !== undefined) {
    if (usage === 'write' && (named.isDefault === true || (named.mask === undefined && named.from !== named.to)))
      words.fail(`${named.name} stands for several values of ${field.name}`, word, 'give the number of one');
    return { constant: { field, value: named.from, named } };
  }
  if (/^[A-Za-z_]\w*$/.test(text))
    words.fail(`${field.name} has no value "${clip(text)}"`, word, valueHint(field, text, usage));
  const scanner = new Scanner(words.line, word, words.names);
  const parsed = parseExpression(scanner);
  if (!scanner.done)
    scanner.fail(`"${clip(text)}" is no value for ${field.name}`, 0, scanner.end, valueHint(field, text, usage));
  return combine([parsed], ([value = 0n]) => {
    if (value < 1n << BigInt(field.bits)) return { field, value };
    const room = `${field.bits} bit${field.bits === 1 ? '' : 's'}`;
    throw scanner.error(
      `0x${value.toString(16)} does not fit the ${room} of ${field.name}`,
      0,
      scanner.end,
      `${field.name} is ${bitsText(field)}: up to 0x${((1n << BigInt(field.bits)) - 1n).toString(16)}`,
    );
  });
}

/** The value of `field` that is called `text`, without regard to case. */
function valueNamed(field: FieldDescription, text: string, usage: NameUsage): NamedValue | undefined {
  const upper = text.toUpperCase();
  return valuesFor(field, usage).find(({ name }) => name.toUpperCase() === upper);
}

function valuesFor(field: FieldDescription, usage: NameUsage): readonly NamedValue[] {
  return field.values.filter((one) => one.usage === 'both' || one.usage === usage);
}

function valueHint(field: FieldDescription, wrong: string, usage: NameUsage): string {
  const names = valuesFor(field, usage).map(({ name }) => name);
  if (names.length === 0) return `its map names no values of ${field.name}: give a number`;
  const near = nearest(wrong, names);
  if (near.length > 0) return `did you mean ${near.join(' or ')}?`;
  return `a number, or ${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`;
}

function exampleOf(field: FieldDescription, usage: NameUsage): string {
  return valuesFor(field, usage)[0]?.name ?? '1';
}

/** Each field once, and no bit twice. */
function checkedApart(
  words: Words,
  given: readonly Word[],
  all: readonly FieldAssignment[],
): readonly FieldAssignment[] {
  for (const [index, { field }] of all.entries()) {
    const other = all
      .slice(0, index)
      .find(({ field: { low, bits } }) => low < field.low + field.bits && field.low < low + bits)?.field;
    const word = given[index];
    if (other === undefined || word === undefined) continue;
    const message = other === field ? `${field.name} is given twice` : `${field.name} and ${other.name} share bits`;
    words.fail(message, word, 'leave one of them out');
  }
  return all;
}

/** How FIELD=VALUE can go on behind the register's name: fields that are not given yet, then the names of the field's values. */
export function completeAssignment(
  typed: string,
  world: World,
  place: string,
  given: readonly string[],
  usage: NameUsage,
): readonly Candidate[] {
  const of = world.registerNamed(place);
  if (of === undefined) return [];
  const equals = typed.indexOf('=');
  if (equals >= 0) {
    const field = findField(of, typed.slice(0, equals));
    if (field === undefined) return [];
    return valuesFor(field, usage)
      .filter(({ isDefault }) => isDefault !== true)
      .map(({ name, description }) => ({
        text: `${typed.slice(0, equals)}=${name}`,
        name: true,
        ...(description !== undefined && { summary: description }),
      }));
  }
  const taken = new Set(given.map((each) => each.split('=')[0]?.toUpperCase()));
  const free = of.fields.filter(
    ({ name, access }) =>
      !taken.has(name.toUpperCase()) && (usage === 'read' || (access !== 'ro' && access !== 'reserved')),
  );
  const fitting = free.filter(({ name }) => name.toUpperCase().startsWith(typed.toUpperCase()));
  return gathered(
    fitting.map((field) => ({ ...fieldCandidate(field), text: `${field.name}=`, name: true, more: true })),
    typed.length,
  );
}
