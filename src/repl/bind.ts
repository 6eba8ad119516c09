import { type Argument, combine, type Parsed } from './arguments/argument.js';
import { Words } from './arguments/words.js';
import { type Command, type Effect, type FlagSpecs, flagName, type Input, isToggle, tellsOnly } from './command.js';
import { shapeOf } from './command-shape.js';
import type { Names } from './environment.js';
import { parseExpression } from './expression.js';
import type { Word } from './lexer.js';
import { didYouMean } from './did-you-mean.js';
import { clip } from './number.js';
import type { AssignmentStatement, CommandStatement, Statement } from './parser.js';
import { Scanner } from './scanner.js';
import { usage } from './usage.js';
import { type Extent, UsageError } from './usage-error.js';

/** The flags that every command takes beside its own. */
export interface CommonFlags {
  /** One line of JSON a view. */
  readonly json: boolean;
  /** The JavaScript that does the same, in place of doing it. */
  readonly js: boolean;
  /** The accesses that would be made, in place of making them. */
  readonly dryRun: boolean;
}

export type AnyInput = Input<Readonly<Record<string, Argument<unknown>>>, FlagSpecs>;

/** A statement whose words have become values, or what evaluates to them. */
export type Bound =
  | {
      readonly kind: 'command';
      readonly statement: CommandStatement;
      readonly input: Parsed<AnyInput>;
      readonly common: CommonFlags;
      /** The command's, or none where a flag says so (Toggle.tells). */
      readonly effect: Effect;
    }
  | { readonly kind: 'assignment'; readonly statement: AssignmentStatement; readonly value: Parsed<bigint> };

/** Gives the words of a statement their meaning, by the names that are known now. Throws UsageError only. */
export function bind(line: string, statement: Statement, names: Names): Bound {
  if (statement.unset !== undefined) throw statement.unset;
  if (statement.kind === 'unset') throw new Error('what is unset says so');
  if (statement.kind === 'assignment') {
    const scanner = new Scanner(line, statement.expression, names);
    const value = parseExpression(scanner);
    scanner.skipSpace();
    if (!scanner.done) {
      scanner.fail(`"${clip(scanner.text.slice(scanner.at))}" does not belong to a value`, scanner.at, scanner.end);
    }
    return { kind: 'assignment', statement, value };
  }
  const { command, width, end } = statement;
  const { positional, flags, common } = splitFlags(line, statement);
  const words = new Words(line, positional, end, names, width);
  const { keys, list, flagKeys, absent } = shapeOf(command);
  const parts: Parsed<unknown>[] = [];
  for (const argument of list) parts.push(parseArgument(words, argument, command));
  const extra = words.peek();
  if (extra) {
    words.fail(`${command.name} takes no more words than that`, extra, `usage: ${usage(command)}`);
  }
  for (let index = 0; index < flagKeys.length; index += 1) {
    const key = flagKeys[index] ?? '';
    const word = flags.size === 0 ? undefined : flags.get(key);
    const left = word === undefined ? absent[index] : undefined;
    parts.push(left ?? parseFlag(line, names, end, key, command, word));
  }
  const input = combine(parts, (values): AnyInput => {
    const given: Record<string, unknown> = {};
    const set: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index += 1) given[keys[index] ?? ''] = values[index];
    for (let index = 0; index < flagKeys.length; index += 1) set[flagKeys[index] ?? ''] = values[keys.length + index];
    return { arguments: given, flags: set, width };
  });
  const tells = flags.size > 0 && flagKeys.some((key) => flags.has(key) && tellsOnly(command.flags[key]));
  return { kind: 'command', statement, input, common, effect: tells ? 'none' : command.effect };
}

function parseArgument(words: Words, argument: Argument<unknown>, command: Command): Parsed<unknown> {
  try {
    return argument.parse(words);
  } catch (error) {
    if (error instanceof UsageError && error.hint === undefined && error.message.endsWith('is missing')) {
      throw new UsageError(error.message, error, `usage: ${usage(command)}`);
    }
    throw error;
  }
}

const noFlags: CommonFlags = { json: false, js: false, dryRun: false };
const flagLike = /^(?:--[A-Za-z][A-Za-z0-9-]*(?:=.*)?|-[A-Za-z]|--)$/s;

interface Split {
  readonly positional: readonly Word[];
  readonly flags: ReadonlyMap<string, Word>;
  readonly common: CommonFlags;
}

const none: ReadonlyMap<string, Word> = new Map();

/** Tells flags from arguments. `--` ends the flags; a word like -1 is a value. */
function splitFlags(line: string, statement: CommandStatement): Split {
  const { command, words } = statement;
  if (!words.some((word) => word.text.startsWith('-')) || shapeOf(command).flagless) {
    return { positional: words, flags: none, common: noFlags };
  }
  const positional: Word[] = [];
  const flags = new Map<string, Word>();
  let common = noFlags;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index];
    if (word === undefined) break;
    const bareQuoted = word.quoted && !/^--[A-Za-z][A-Za-z0-9-]*=/.test(line.slice(word.start, word.end));
    if (bareQuoted || !flagLike.test(word.text)) {
      positional.push(word);
      continue;
    }
    if (word.text === '--') {
      positional.push(...words.slice(index + 1));
      break;
    }
    const equals = word.text.indexOf('=');
    const name = equals < 0 ? word.text : word.text.slice(0, equals);
    const at = { line, start: word.start, end: word.end };
    const key = Object.keys(command.flags).find((each) => flagName(each) === name);
    if (key === undefined) {
      const shared = commonFlag(name);
      if (shared === undefined || equals >= 0) throw unknownFlag(command, name, at);
      common = { ...common, [shared]: true };
      continue;
    }
    if (flags.has(key)) throw new UsageError(`${name} is given twice`, at);
    const flag = command.flags[key];
    if (flag === undefined || isToggle(flag)) {
      if (equals >= 0) throw new UsageError(`${name} takes no value`, at);
      flags.set(key, word);
    } else if (equals >= 0) {
      const start = word.start + equals + 1;
      flags.set(key, { text: word.text.slice(equals + 1), start, end: word.end, quoted: word.quoted });
    } else {
      const next = words[index + 1];
      if (next === undefined) throw new UsageError(`${name} needs a value`, at, `${name} ${flag.label}`);
      flags.set(key, next);
      index += 1;
    }
  }
  return { positional, flags, common };
}

function commonFlag(name: string): keyof CommonFlags | undefined {
  if (name === '--json') return 'json';
  if (name === '--js') return 'js';
  return name === '-n' || name === '--dry-run' ? 'dryRun' : undefined;
}

function unknownFlag(command: Command, name: string, at: { line: string } & Extent): UsageError {
  const names = Object.keys(command.flags).map(flagName);
  const hint =
    didYouMean(name, [...names, '--json', '--js', '--dry-run']) ??
    (names.length === 0 ? `${command.name} has no flags of its own` : `${command.name} has ${names.join(' ')}`);
  return new UsageError(`${command.name} has no flag ${clip(name)}`, at, hint);
}

function parseFlag(
  line: string,
  names: Names,
  end: number,
  key: string,
  command: Command,
  word: Word | undefined,
): Parsed<unknown> {
  const flag = command.flags[key];
  if (flag === undefined || isToggle(flag)) return { constant: word !== undefined };
  if (word === undefined && flag.presence === 'required') {
    throw new UsageError(`${flagName(key)} is missing`, { line, start: end, end }, `usage: ${usage(command)}`);
  }
  const words = new Words(line, word ? [word] : [], word?.end ?? end, names);
  return flag.parse(words);
}
