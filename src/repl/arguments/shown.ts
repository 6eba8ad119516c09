import { namedVariable, parseExpression } from '../expression.js';
import { Scanner } from '../scanner.js';
import { type Argument, combine, type Parsed } from './argument.js';

const plainText = /[^$]+/y;
const variableBegins = /[A-Za-z_(]/;

/** A word to be shown: outside quotes `$name` and `$(EXPR)` in it stand for their values, in hexadecimal. */
export function shown(summary: string, label: string): Argument<string> {
  return {
    label,
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take(label);
      if (word.quoted || !word.text.includes('$')) return { constant: word.text };
      const scanner = new Scanner(words.line, word, words.names);
      const pieces: Parsed<string>[] = [];
      while (!scanner.done) pieces.push(piece(scanner));
      return combine(pieces, (texts) => texts.join(''));
    },
    complete: (typed, world) =>
      typed.startsWith('$') ? world.variableNames.map((name) => ({ text: `$${name}` })) : [],
  };
}

function piece(scanner: Scanner): Parsed<string> {
  const text = scanner.match(plainText);
  if (text !== undefined) return { constant: text };
  if (!variableBegins.test(scanner.text[scanner.at + 1] ?? '')) {
    scanner.at += 1;
    return { constant: '$' };
  }
  const value = scanner.text[scanner.at + 1] === '(' ? parenthesized(scanner) : namedVariable(scanner);
  return combine([value], ([number = 0n]) => `0x${number.toString(16)}`);
}

function parenthesized(scanner: Scanner): Parsed<bigint> {
  scanner.at += 2;
  const value = parseExpression(scanner);
  scanner.skipSpace();
  if (!scanner.accept(')')) scanner.fail('an operator or ")" is missing');
  return value;
}
