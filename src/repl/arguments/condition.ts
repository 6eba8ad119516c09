import { parseExpression } from '../expression.js';
import { clip } from '../number.js';
import { Scanner } from '../scanner.js';
import { type Argument, valueOf } from './argument.js';
import type { Environment } from '../environment.js';

/** An expression that is evaluated as often as the command wants to know. */
export interface Condition {
  /** As it was typed. */
  readonly text: string;
  evaluate(environment: Environment): bigint;
}

/** EXPR: an expression, in quotes where it holds spaces outside of brackets. */
export function condition(summary: string): Argument<Condition> {
  return {
    label: 'EXPR',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('EXPR');
      const scanner = new Scanner(words.line, word, words.names);
      const parsed = parseExpression(scanner);
      scanner.skipSpace();
      if (!scanner.done) {
        scanner.fail(`"${clip(scanner.text.slice(scanner.at))}" does not belong to a value`, scanner.at, scanner.end);
      }
      return { constant: { text: word.text, evaluate: (environment) => valueOf(parsed, environment) } };
    },
    complete: (typed, world) =>
      typed.startsWith('$') ? world.variableNames.map((name) => ({ text: `$${name}` })) : [],
  };
}
