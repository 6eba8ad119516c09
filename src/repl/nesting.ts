import { bind } from './bind.js';
import type { Control } from './command.js';
import { nameless } from './command-shape.js';
import type { CommandStatement, Statement } from './parser.js';
import { UsageError } from './usage-error.js';

/** Blocks inside each other, at the most. */
const DEEPEST = 64;

/** A block that has begun and not ended. */
export interface Opener {
  readonly word: 'if' | 'repeat' | 'while';
  /** Where it began: the number of its line, and what is wrong if nothing ends it. */
  readonly number: number;
  readonly unended: UsageError;
  /** Its `else` has come. */
  readonly last: boolean;
}

/**
 * The blocks that are open behind a line: those of `open`, which were open before it, with what the line begins and ends. Throws UsageError
 * where a word of blocks stands where it cannot; `open` is as it was then.
 */
export function nesting(
  text: string,
  statements: readonly Statement[],
  number: number,
  open: readonly Opener[],
): readonly Opener[] {
  let stack = open;
  for (const statement of statements) {
    if (statement.kind === 'command' && statement.command.control !== undefined)
      stack = step(text, statement, statement.command.control, number, stack);
  }
  return stack;
}

/**
 * Throws UsageError where the expression behind a word is none, before anything of its block runs. What names places can only be told then.
 */
function checkHead(line: string, statement: CommandStatement): void {
  if (statement.unset === undefined && !statement.words.some(({ text }) => text.includes('[')))
    bind(line, statement, nameless);
}

function step(
  line: string,
  statement: CommandStatement,
  word: Control,
  number: number,
  open: readonly Opener[],
): readonly Opener[] {
  const top = open.at(-1);
  checkHead(line, statement);
  const { start, end } = statement;
  const fail = (message: string, hint: string): never => {
    throw new UsageError(message, { line, start, end }, hint);
  };
  if (word === 'if' || word === 'repeat' || word === 'while') {
    if (open.length >= DEEPEST) fail('too many blocks inside each other', `${DEEPEST} at the most`);
    const unended = new UsageError(`"${word}" has no end`, { line, start, end }, 'end closes it');
    return [...open, { word, number, unended, last: false }];
  }
  if (word === 'end') {
    if (top === undefined) fail('"end" ends nothing', 'there is an end too many, or an if, repeat or while is missing');
    return open.slice(0, -1);
  }
  if (word === 'break' || word === 'continue') {
    if (!open.some((each) => each.word !== 'if')) fail(`"${word}" is in no loop`, 'repeat and while begin loops');
    return open;
  }
  if (top === undefined) return fail(`"${word}" without an if`, 'if EXPR comes first');
  if (top.word !== 'if') fail(`"${word}" in a ${top.word}, not in an if`, 'is an end missing?');
  if (top.last) fail(`"${word}" behind the else`, 'an if has one else, behind every elif');
  return word === 'else' ? [...open.slice(0, -1), { ...top, last: true }] : open;
}
