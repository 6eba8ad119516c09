import { beginsExpression, parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import type { Space } from '../../vfio/space.js';
import { bytesOf } from '../../vfio/width.js';
import { type Argument, combine, type Parsed } from './argument.js';
import { type Count, parseCount } from './count.js';
import { atOffset, type Location, location, offsetOf } from './location.js';
import type { Words } from './words.js';

/**
 * A piece of a space: `region0 0..0x100`, `region0 0x100 64B`, `region0.FIFO 16`, `region0 0x100`, `region0`.
 * A range gives a count in bytes. `count` is undefined where none was said; `whole` says that not even an offset was.
 */
export interface Span extends Location {
  readonly count: Count | undefined;
  readonly whole: boolean;
}

/** SPAN: SPACE, SPACE RANGE or LOCATION [COUNT]. */
export function span(summary: string): Argument<Span> {
  const place = location(summary);
  return {
    label: 'SPAN',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.peek();
      if (word !== undefined && words.names.space(word.text) !== undefined) return inSpace(words);
      if (word !== undefined && beginsExpression(word.text) && !word.quoted && words.names.defaultSpace) {
        return fromOffset(words, words.names.defaultSpace);
      }
      return withCount(words, place.parse(words));
    },
    complete: (typed, world, before, earlier) => place.complete(typed, world, before, earlier),
  };
}

/** The bytes that a span covers: its count's, or those up to the end of the space. */
export function bytesIn({ count, space, offset, width }: Span): number {
  if (count === undefined) return Math.max(0, space.size - offset);
  return count.unit === 'bytes' ? count.amount : count.amount * bytesOf(width);
}

/** The space's name, with a range, an offset and a count, an offset, or nothing behind it. */
function inSpace(words: Words): Parsed<Span> {
  const word = words.take('SPACE');
  const space = words.names.space(word.text);
  if (space === undefined) throw new Error(`the space ${word.text} went away while it was parsed`);
  if (nextIsNumber(words)) return fromOffset(words, space);
  const asked = words.width;
  const whole = {
    space,
    offset: 0,
    width: asked ?? 32,
    asked: asked !== undefined,
    count: undefined,
    whole: true,
  } as const;
  return { constant: whole };
}

function fromOffset(words: Words, space: Space): Parsed<Span> {
  const scanner = new Scanner(words.line, words.take('OFFSET'), words.names);
  const range = parseRange(scanner);
  if (range) {
    const asked = words.width;
    return combine([range], ([{ start, end } = { start: 0, end: 0 }]) => ({
      space,
      offset: start,
      width: asked ?? 32,
      asked: asked !== undefined,
      count: { amount: end - start, unit: 'bytes' as const },
      whole: false,
    }));
  }
  scanner.at = 0;
  const place = atOffset(scanner, space, { width: words.width });
  if (!scanner.done)
    scanner.fail(`"${clip(scanner.text.slice(scanner.at))}" does not belong to an offset`, scanner.at, scanner.end);
  return withCount(words, place);
}

function withCount(words: Words, place: Parsed<Location>): Parsed<Span> {
  const amount: Parsed<Count | undefined> = nextIsNumber(words) ? parseCount(words) : { constant: undefined };
  return combine<Location | Count | undefined, Span>([place, amount], ([at, count]) => ({
    ...(at as Location),
    count: count as Count | undefined,
    whole: false,
  }));
}

function nextIsNumber(words: Words): boolean {
  const next = words.peek();
  return next !== undefined && !next.quoted && beginsExpression(next.text);
}

/** a..b, half open and not empty; undefined where no `..` follows the first value. */
export function parseRange(scanner: Scanner): Parsed<{ readonly start: number; readonly end: number }> | undefined {
  const from = parseExpression(scanner);
  const middle = scanner.at;
  if (!scanner.accept('..')) return undefined;
  const next = scanner.at;
  if (scanner.done)
    scanner.fail('the end of the range is missing', middle, scanner.end, 'a..b goes from a up to, not including, b');
  const to = parseExpression(scanner);
  if (!scanner.done)
    scanner.fail(`"${clip(scanner.text.slice(scanner.at))}" does not belong to a range`, scanner.at, scanner.end);
  return combine([from, to], ([first = 0n, last = 0n]) => {
    const start = offsetOf(scanner, first, 0, middle);
    const end = offsetOf(scanner, last, next, scanner.end);
    if (end <= start) {
      throw scanner.error('the range is empty', 0, scanner.end, 'a..b goes from a up to, not including, b');
    }
    return { start, end };
  });
}
