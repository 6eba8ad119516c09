import { parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { type Argument, type Candidate, combine, type Parsed } from './argument.js';
import type { World } from '../environment.js';
import type { Words } from './words.js';

/** EXPR to the end of the command, white space and all: what `if` and `while` go by. */
export function test(summary: string): Argument<bigint> {
  return {
    label: 'EXPR',
    summary,
    presence: 'required',
    most: Infinity,
    parse: (words) => parseRest(words, 'EXPR').parsed,
    complete: completeTest,
  };
}

/** How often `repeat` runs its lines: so many times, or as long as an expression is not 0. */
export type Repetition = { readonly times: number } | { readonly going: boolean };

/** N, or `while` EXPR. */
export function repetition(summary: string): Argument<Repetition> {
  return {
    label: 'N|while EXPR',
    summary,
    presence: 'required',
    most: Infinity,
    parse(words): Parsed<Repetition> {
      if (words.peek()?.text === 'while') {
        words.take('while');
        return combine([parseRest(words, 'EXPR').parsed], ([value = 0n]) => ({ going: value !== 0n }));
      }
      const { scanner, parsed } = parseRest(words, 'N');
      return combine([parsed], ([value = 0n]) => ({ times: timesOf(scanner, value) }));
    },
    complete: (typed, world, before) => [
      ...(before.length === 0 ? [{ text: 'while' }] : []),
      ...completeTest(typed, world),
    ],
  };
}

/** More rounds than anyone waits for are a number below zero that has wrapped around. */
function timesOf(scanner: Scanner, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw scanner.error(
    `0x${value.toString(16)} is no number of rounds`,
    0,
    scanner.end,
    'below 2^53; while 1 goes on until break or Ctrl-C',
  );
}

function parseRest(words: Words, label: string): { readonly scanner: Scanner; readonly parsed: Parsed<bigint> } {
  const scanner = new Scanner(words.line, words.takeRest(label), words.names);
  const parsed = parseExpression(scanner);
  scanner.skipSpace();
  if (scanner.done) return { scanner, parsed };
  const rest = scanner.text.slice(scanner.at);
  const hint = rest.startsWith('=') ? '== compares' : 'what is to be run stands behind a ; or on the next line';
  return scanner.fail(`"${clip(rest)}" does not belong to a value`, scanner.at, scanner.end, hint);
}

function completeTest(typed: string, world: World): readonly Candidate[] {
  return typed.startsWith('$') ? world.variableNames.map((name) => ({ text: `$${name}` })) : [];
}
