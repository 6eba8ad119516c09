import type { FieldAssignment } from '../../vfio/registers/field-value.js';
import type { Word } from '../lexer.js';
import { clip } from '../number.js';
import { type Argument, type Candidate, combine, type Parsed, valueOf } from './argument.js';
import { beginsAssignment, completeAssignment, parseAssignments, parseFieldValue } from './assignment.js';
import { completeLocation, type Location, wholeLocation } from './location.js';
import { type MaskedValue, maskedValue } from './numbers.js';
import { type DescribedLocation, asRegister } from './register.js';
import { Words } from './words.js';

export const operators = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Operator = (typeof operators)[number];

/** What is read of one place, and what it should be: a value, or values of fields of a register. */
export type Comparison =
  | { readonly kind: 'value'; readonly at: Location; readonly operator: Operator; readonly wanted: MaskedValue }
  | { readonly kind: 'fields'; readonly at: DescribedLocation; readonly fields: readonly FieldAssignment[] };

const masked = maskedValue('the value');

/** LOCATION OPERATOR VALUE[:MASK], or REG FIELD=VALUE...: `region0 0 == 0x10:0xff`, `STATUS BUSY=0 MODE=FAST`, `CTRL.MODE == FAST`. */
export function comparison(summary: string): Argument<Comparison> {
  return {
    label: 'LOCATION ==|!=|<|<=|>|>= VALUE[:MASK] | REG FIELD=VALUE...',
    summary,
    presence: 'required',
    most: Infinity,
    parse(given) {
      const words = apart(given);
      const first = words.peek();
      const at = wholeLocation(words);
      if (!beginsAssignment(words)) return byValue(words, at);
      const register = asRegister(words, first, at);
      return combine<DescribedLocation | readonly FieldAssignment[], Comparison>(
        [register, parseAssignments(words, register, 'read')],
        ([place, fields]) => ({
          kind: 'fields',
          at: place as DescribedLocation,
          fields: fields as readonly FieldAssignment[],
        }),
      );
    },
    complete(typed, world, before): readonly Candidate[] {
      const [place] = before;
      if (place === undefined) return completeLocation(typed, world, before);
      const last = before.at(-1) ?? '';
      if (operators.some((operator) => last === operator)) return masked.complete(typed, world, [], []);
      const fields = completeAssignment(typed, world, place, before.slice(1), 'read');
      if (before.length > 1 && before.slice(1).some((word) => word.includes('='))) return fields;
      return [...fields, ...operators.map((text) => ({ text }))];
    },
  };
}

/** The rest of the words, `STATUS==5` in two. */
function apart(words: Words): Words {
  const rest: Word[] = [];
  while (!words.done) rest.push(words.take('LOCATION'));
  const [first, ...others] = rest;
  const end = rest.at(-1)?.end ?? words.line.length;
  const glued = first === undefined || first.quoted ? null : /^((?:[^[\]=!<>]|\[[^\]]*\])+)[=!<>]=/.exec(first.text);
  const at = glued?.[1]?.length;
  if (first === undefined || at === undefined) return new Words(words.line, rest, end, words.names, words.width);
  const middle = first.start + at;
  const place = { ...first, text: first.text.slice(0, at), end: middle };
  const value = { ...first, text: first.text.slice(at), start: middle };
  return new Words(words.line, [place, value, ...others], end, words.names, words.width);
}

/** OPERATOR VALUE, the operator a word of its own or not. */
function byValue(words: Words, at: Parsed<Location>): Parsed<Comparison> {
  const word = words.take('==');
  const operator = operators.findLast((each) => word.text.startsWith(each));
  if (operator === undefined || word.quoted) {
    words.fail(`"${clip(word.text)}" does not compare`, word, `it is one of ${operators.join(' ')}, or FIELD=VALUE`);
  }
  const glued = { ...word, text: word.text.slice(operator.length), start: word.start + operator.length };
  const wanted = glued.text === '' ? words.take('VALUE') : glued;
  const extra = words.peek();
  if (extra) {
    const spaced =
      'a value of several words stands in parentheses: (A & B); fields are compared by FIELD=VALUE FIELD=VALUE';
    words.fail('one value is compared', extra, spaced);
  }
  const compare = (place: Location): Parsed<Comparison> => compared(words, place, operator, wanted);
  if ('constant' in at) return compare(at.constant);
  return { evaluate: (environment) => valueOf(compare(at.evaluate(environment)), environment) };
}

/** The value of a field may be one of its names. */
function compared(words: Words, at: Location, operator: Operator, word: Word): Parsed<Comparison> {
  const { field, register } = at;
  if (field === undefined || register === undefined || !/^[A-Za-z_]/.test(word.text)) {
    const value = masked.parse(new Words(words.line, [word], word.end, words.names));
    return combine([value], ([wanted]) => ({ kind: 'value', at, operator, wanted: wanted as MaskedValue }));
  }
  return combine([parseFieldValue(words, word, field, 'read')], ([one]) => {
    if (one === undefined) throw new Error('a value was parsed from nothing');
    const { value, named } = one;
    const single = named === undefined || (named.isDefault !== true && named.from === named.to);
    if (single) return { kind: 'value', at, operator, wanted: { value, mask: named?.mask } };
    if (operator === '==') return { kind: 'fields', at: { ...at, register }, fields: [one] };
    return words.fail(`${named.name} stands for several values of ${field.name}`, word, 'give the number of one');
  });
}
