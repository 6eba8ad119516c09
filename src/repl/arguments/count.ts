import { bytesOf, type Width } from '../../vfio/width.js';
import { parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { UsageError } from '../usage-error.js';
import type { Argument, Parsed } from './argument.js';
import { combine } from './argument.js';
import type { Words } from './words.js';

/** How many: cells of whatever width the access has, or bytes where a unit was given (64B, 4K, 1M). At least 1. */
export interface Count {
  readonly amount: number;
  readonly unit: 'cells' | 'bytes';
}

const inBytes = /^([0-9]+(?:_[0-9]+)*)([BKMG])$/i;
const hexInBytes = /^(0x[0-9a-f_]+)([KMG])$/i;

/** COUNT: N cells, or bytes with a unit. */
export function count(summary: string): Argument<Count> {
  return { label: 'COUNT', summary, presence: 'required', parse: parseCount, complete: () => [] };
}

export function parseCount(words: Words): Parsed<Count> {
  const word = words.take('COUNT');
  const scanner = new Scanner(words.line, word, words.names);
  const sized = inBytes.exec(word.text) ?? hexInBytes.exec(word.text);
  const unit = sized ? 'bytes' : 'cells';
  if (sized?.[2]?.toUpperCase() === 'B') {
    const plain = { ...word, text: sized[1] ?? '', end: word.end - 1 };
    return checked(new Scanner(words.line, plain, words.names), unit);
  }
  return checked(scanner, unit);
}

function checked(scanner: Scanner, unit: Count['unit']): Parsed<Count> {
  const parsed = parseExpression(scanner);
  if (!scanner.done) {
    scanner.fail(
      `"${clip(scanner.text)}" is no count`,
      0,
      scanner.end,
      'a count is a number of cells, or bytes: 64B 4K 1M',
    );
  }
  return combine([parsed], ([amount = 0n]) => {
    if (amount === 0n) throw scanner.error('the count is 0', 0, scanner.end, 'a count is 1 or more');
    if (amount > BigInt(Number.MAX_SAFE_INTEGER)) throw scanner.error('the count is too large', 0, scanner.end);
    return { amount: Number(amount), unit };
  });
}

/** A count in cells of `width` bits. Throws UsageError where the bytes are no whole number of cells. */
export function cellsOf({ amount, unit }: Count, width: Width): number {
  if (unit === 'cells') return amount;
  const step = bytesOf(width);
  if (amount % step === 0) return amount / step;
  throw new UsageError(
    `${amount} bytes are no whole number of ${width}-bit cells`,
    undefined,
    `give a multiple of ${step} bytes, or a narrower width (.b reads single bytes)`,
  );
}
