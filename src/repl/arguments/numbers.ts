import { parseDuration } from '../duration.js';
import { beginsExpression, parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { type Argument, combine, type Parsed } from './argument.js';
import { parseRange } from './span.js';
import type { Words } from './words.js';

/** VALUE, an unsigned 64-bit expression. */
export function value(summary: string, label = 'VALUE'): Argument<bigint> {
  return {
    label,
    summary,
    presence: 'required',
    parse(words) {
      const scanner = scannerOf(words, label);
      const parsed = parseExpression(scanner);
      finish(scanner, 'a value');
      return parsed;
    },
    complete: completeVariable,
  };
}

/** VALUE or VALUE:MASK; mask is undefined where none was given. */
export interface MaskedValue {
  readonly value: bigint;
  readonly mask: bigint | undefined;
}

export function maskedValue(summary: string): Argument<MaskedValue> {
  return {
    label: 'VALUE[:MASK]',
    summary,
    presence: 'required',
    parse(words) {
      const scanner = scannerOf(words, 'VALUE');
      if (/^[A-Za-z_]\w*=[^=]/.test(scanner.text))
        scanner.fail(
          `"${clip(scanner.text)}" is no value`,
          0,
          scanner.end,
          'set REG FIELD=VALUE writes fields by name',
        );
      const written = parseExpression(scanner);
      const masked: Parsed<bigint | undefined> = scanner.accept(':')
        ? parseExpression(scanner)
        : { constant: undefined };
      finish(scanner, 'a value');
      return combine<bigint | undefined, MaskedValue>([written, masked], ([data = 0n, mask]) => ({
        value: data,
        mask,
      }));
    },
    complete: completeVariable,
  };
}

/** An expression as a number between `least` and `most`. */
export function integer(
  summary: string,
  { least = 0, most = Number.MAX_SAFE_INTEGER, label = 'N' }: { least?: number; most?: number; label?: string } = {},
): Argument<number> {
  return {
    label,
    summary,
    presence: 'required',
    parse(words) {
      const scanner = scannerOf(words, label);
      const parsed = parseExpression(scanner);
      finish(scanner, 'a number');
      return combine([parsed], ([number = 0n]) => {
        if (number >= BigInt(least) && number <= BigInt(most)) return Number(number);
        throw scanner.error(
          `${clip(scanner.text)} is out of range`,
          0,
          scanner.end,
          most === Number.MAX_SAFE_INTEGER ? `it is ${least} or more` : `it goes from ${least} to ${most}`,
        );
      });
    },
    complete: completeVariable,
  };
}

/** RANGE a..b, half open, without a space. */
export function offsetRange(summary: string): Argument<{ readonly start: number; readonly end: number }> {
  return {
    label: 'RANGE',
    summary,
    presence: 'required',
    parse(words) {
      const scanner = scannerOf(words, 'RANGE');
      const parsed = parseRange(scanner);
      return (
        parsed ?? scanner.fail(`"${clip(scanner.text)}" is no range`, 0, scanner.end, 'a range is a..b, half open')
      );
    },
    complete: () => [],
  };
}

/** DURATION in milliseconds. */
export function duration(summary: string): Argument<number> {
  return {
    label: 'DURATION',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('DURATION');
      const parsed = parseDuration(word.text);
      if (parsed !== undefined) return { constant: parsed };
      return words.fail(
        `"${clip(word.text)}" is no duration`,
        word,
        'a duration has a unit, and is below 25 days: 500us 100ms 1s 2m',
      );
    },
    complete: () => [],
  };
}

function scannerOf(words: Words, label: string): Scanner {
  const word = words.take(label);
  return new Scanner(words.line, word, words.names);
}

function finish(scanner: Scanner, what: string): void {
  if (scanner.done) return;
  const rest = scanner.text.slice(scanner.at);
  const hint = beginsExpression(rest) || rest.startsWith(':') ? undefined : 'quote what is no number';
  scanner.fail(`"${clip(rest)}" does not belong to ${what}`, scanner.at, scanner.end, hint);
}

function completeVariable(typed: string, world: { readonly variableNames: readonly string[] }): { text: string }[] {
  return typed.startsWith('$') ? world.variableNames.map((name) => ({ text: `$${name}` })) : [];
}
