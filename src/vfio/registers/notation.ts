import type { NamedValue } from './register-map.js';

/** Numbers, bits and values as people write them in maps. A string that is returned says what is wrong. */

/** The number that a file gives: a whole number, or text in hexadecimal, binary or decimal with `_` between digits. */
export function numberOf(given: string | number | bigint): bigint | string {
  if (typeof given === 'bigint') return given < 0n ? 'it is negative' : given;
  if (typeof given === 'number') {
    if (Number.isSafeInteger(given) && given >= 0) return BigInt(given);
    return Number.isInteger(given) && given > 0
      ? 'too large for a number of JSON: write it as text, "0x..."'
      : `${given} is no whole number`;
  }
  const text = given.trim().replaceAll('_', '');
  if (text.length > 70) return 'a number of too many digits';
  if (/^(?:0x[0-9a-f]+|0b[01]+|0o[0-7]+|[0-9]+)$/i.test(text)) return BigInt(text.toLowerCase());
  const hint = /^[0-9][0-9a-f]*$/i.test(text) ? `: hexadecimal needs 0x, 0x${text}` : ': write 0x10, 0b10 or 10';
  return `"${clip(given)}" is no number${hint}`;
}

export interface BitRange {
  readonly low: number;
  readonly bits: number;
}

/** '7:4', '[7:4]', 5, '5', '[5]': the highest bit and the lowest, or one. */
export function bitRangeOf(given: string | number): BitRange | string {
  const found = /^\s*\[?\s*(\d{1,3})\s*(?::\s*(\d{1,3})\s*)?\]?\s*$/.exec(String(given));
  if (!found) return `"${clip(String(given))}" are no bits: write "7:4" or 7`;
  const high = Number(found[1]);
  const low = Number(found[2] ?? found[1]);
  if (high < low) return `the bits are the wrong way round: "${low}:${high}"`;
  return { low, bits: high - low + 1 };
}

type Range = Pick<NamedValue, 'from' | 'to' | 'mask'>;

/** A value of a field of `bits` bits, a range '2..5', or a pattern with x for bits that do not matter: '0b1xx', '#1xx'. */
export function valueRangeOf(given: string | number | bigint, bits: number): Range | string {
  const range = typeof given === 'string' ? textRange(given, bits) : single(given);
  if (typeof range === 'string' || range.to >> BigInt(bits) === 0n) return range;
  return `the value ${String(given)} does not fit ${bits === 1 ? 'one bit' : `${bits} bits`}`;
}

function single(given: string | number | bigint): Range | string {
  const value = numberOf(given);
  return typeof value === 'string' ? value : { from: value, to: value };
}

function textRange(given: string, bits: number): Range | string {
  const pattern = /^\s*(?:0b|#)([01x_]{1,80})\s*$/i.exec(given)?.[1]?.replaceAll('_', '');
  if (pattern !== undefined) return patternOf(pattern, bits);
  const [, first = '', last] = /^\s*([^.\s]+)\s*\.\.\s*([^.\s]+)\s*$/.exec(given) ?? [];
  if (last === undefined) return single(given);
  const from = numberOf(first);
  const to = numberOf(last);
  if (typeof from === 'string') return from;
  if (typeof to === 'string') return to;
  return to < from ? `the range is the wrong way round: "${last}..${first}"` : { from, to };
}

/** '1xx' of 8 bits: from 0b100 to 0b111, of which bits 7 to 2 are compared. */
function patternOf(pattern: string, bits: number): Range {
  const from = BigInt(`0b${pattern.replaceAll(/x/gi, '0')}`);
  if (!/x/i.test(pattern)) return { from, to: from };
  const open = BigInt(`0b${pattern.replaceAll('1', '0').replaceAll(/x/gi, '1')}`);
  return { from, to: from | open, mask: ((1n << BigInt(bits)) - 1n) & ~open };
}

/** The opposite of a pattern: '0b1xx' of the values that have the bits of `from` where `mask` has ones. */
export function patternText(from: bigint, mask: bigint, bits: number): string {
  const digit = (bit: bigint): string => (((mask >> bit) & 1n) === 0n ? 'x' : String((from >> bit) & 1n));
  return `0b${Array.from({ length: bits }, (_, at) => digit(BigInt(bits - 1 - at))).join('')}`;
}

/** What is shown of a text that came from a file: no longer than is readable. */
export function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}
