import type { Width } from '../vfio/width.js';
import type { Argument, Parsed } from './arguments/argument.js';
import { combine } from './arguments/argument.js';
import { Words } from './arguments/words.js';
import { type Command, type FlagSpecs, type Input, flagName, isToggle } from './command.js';
import type { Names } from './environment.js';
import { parseExpression } from './expression.js';
import { Lexer, type Word } from './lexer.js';
import { didYouMean } from './nearest.js';
import { clip } from './number.js';
import type { Registry } from './registry.js';
import { Scanner } from './scanner.js';
import { type Extent, UsageError } from './usage-error.js';

/** A command with its words, before names are looked up in them. */
export interface CommandStatement extends Extent {
  readonly kind: 'command';
  readonly command: Command;
  readonly width: Width | undefined;
  readonly words: readonly Word[];
}

/** `$name = EXPRESSION` */
export interface AssignmentStatement extends Extent {
  readonly kind: 'assignment';
  readonly name: string;
  readonly expression: Word;
}

export type Statement = CommandStatement | AssignmentStatement;

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
    }
  | { readonly kind: 'assignment'; readonly statement: AssignmentStatement; readonly value: Parsed<bigint> };

const suffixes: Readonly<Record<string, Width>> = { b: 8, w: 16, l: 32, q: 64 };
const suffixed = /^(.+)\.([A-Za-z0-9]+)$/;

/**
 * Takes a line apart into statements and finds their commands, so that nothing of a line runs if a word of it is unknown.
 * @returns the name of a command that is to be loaded first, if there is one.
 */
export function parseLine(
  text: string,
  registry: Registry,
  prefixes: boolean,
  parameters?: readonly string[],
): readonly Statement[] | { readonly load: string } {
  const lexer = new Lexer(text, parameters);
  const statements: Statement[] = [];
  while (lexer.nextCommand()) {
    const assigned = lexer.assignment();
    if (assigned) {
      const expression = lexer.restOfCommand();
      const { line } = lexer;
      if (!expression) throw new UsageError('the value is missing', { line, start: line.length, end: line.length });
      statements.push({
        kind: 'assignment',
        name: assigned.text,
        expression,
        start: assigned.start,
        end: expression.end,
      });
      continue;
    }
    const next = parseCommand(lexer, registry, prefixes);
    if ('load' in next) return next;
    statements.push(next);
  }
  return statements;
}

function parseCommand(
  lexer: Lexer,
  registry: Registry,
  prefixes: boolean,
): CommandStatement | { readonly load: string } {
  const { line, position: start } = lexer;
  if (lexer.javascript()) return javascript(lexer, registry, start);
  const first = lexer.word();
  if (first === undefined) throw new Error('a command was announced, and there is none');
  const head = registry.head(line, withoutSuffix(withoutMark(first)), prefixes);
  if (asksHelp(first))
    return helpOn(lexer, registry, registry.find(line, head, first, undefined, prefixes).name, first);
  const behind = lexer.position;
  const second = registry.subcommands(head).length > 0 && lexer.skip() ? lexer.word() : undefined;
  const tail = second && withoutSuffix(withoutMark(second));
  const named = registry.find(line, head, first, tail, prefixes);
  if (second && named.words === 2 && asksHelp(second)) return helpOn(lexer, registry, named.name, second);
  if (named.command === undefined) return { load: named.name };
  if (named.words === 1) lexer.rewind(behind);
  const { command } = named;
  const last = named.words === 2 && second ? second : first;
  const width = widthBehind(line, last, command);
  const words = wordsFor(lexer, command);
  const end = words.at(-1)?.end ?? last.end;
  return { kind: 'command', command, width, words, start: first.start, end };
}

/** `= CODE` is the command js with the rest of the line. */
function javascript(lexer: Lexer, registry: Registry, start: number): CommandStatement | { readonly load: string } {
  const command = registry.get('js');
  if (command === undefined) {
    if (registry.names.includes('js')) return { load: 'js' };
    throw new UsageError('there is no JavaScript here', { line: lexer.line, start, end: start + 1 });
  }
  const words = wordsFor(lexer, command);
  return { kind: 'command', command, width: undefined, words, start, end: words.at(-1)?.end ?? start + 1 };
}

/** `NAME?` is `help NAME`. */
function asksHelp(word: Word): boolean {
  return word.text.endsWith('?') && word.text.length > 1 && !word.quoted;
}

function withoutMark(word: Word): Word {
  return asksHelp(word) ? { ...word, text: word.text.slice(0, -1), end: word.end - 1 } : word;
}

function helpOn(
  lexer: Lexer,
  registry: Registry,
  name: string,
  at: Word,
): CommandStatement | { readonly load: string } {
  const command = registry.get('help');
  if (command === undefined) return { load: 'help' };
  const extra = lexer.word();
  if (extra) {
    throw new UsageError(
      '"?" ends the command',
      { line: lexer.line, start: extra.start, end: extra.end },
      `help ${name}`,
    );
  }
  const words = name.split(' ').map((text) => ({ ...at, text, quoted: true }));
  return { kind: 'command', command, width: undefined, words, start: at.start, end: at.end };
}

function wordsFor(lexer: Lexer, command: Command): Word[] {
  const raw = Object.values(command.arguments).some((argument) => argument.raw === true);
  const words: Word[] = [];
  for (let word = raw ? lexer.rest() : lexer.word(); word; word = lexer.word()) words.push(word);
  return words;
}

function withoutSuffix(word: Word): Word {
  const found = suffixed.exec(word.text.length > 64 ? '' : word.text);
  const name = found?.[1];
  return name === undefined ? word : { ...word, text: name, end: word.start + name.length };
}

function widthBehind(line: string, word: Word, command: Command): Width | undefined {
  const letter = suffixed.exec(word.text.length > 64 ? '' : word.text)?.[2];
  if (letter === undefined) return undefined;
  const at = { line, start: word.end - letter.length - 1, end: word.end };
  if (!command.width) throw new UsageError(`${command.name} takes no width`, at, `write ${command.name}`);
  const width = Object.hasOwn(suffixes, letter) ? suffixes[letter] : undefined;
  if (width === undefined)
    throw new UsageError(`".${letter}" is no width`, at, '.b .w .l .q are 8, 16, 32 and 64 bits');
  return width;
}

/** Gives the words of a statement their meaning, by the names that are known now. Throws UsageError only. */
export function bind(line: string, statement: Statement, names: Names): Bound {
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
  const keys: string[] = [];
  const parts: Parsed<unknown>[] = [];
  for (const [key, argument] of Object.entries(command.arguments)) {
    keys.push(key);
    parts.push(parseArgument(words, argument, command));
  }
  const extra = words.peek();
  if (extra) {
    words.fail(`${command.name} takes no more words than that`, extra, `usage: ${usage(command)}`);
  }
  const flagKeys = Object.keys(command.flags);
  for (const key of flagKeys) parts.push(parseFlag(line, names, end, key, command, flags.get(key)));
  const input = combine(parts, (values): AnyInput => {
    const given: Record<string, unknown> = {};
    const set: Record<string, unknown> = {};
    for (let index = 0; index < keys.length; index += 1) given[keys[index] ?? ''] = values[index];
    for (let index = 0; index < flagKeys.length; index += 1) set[flagKeys[index] ?? ''] = values[keys.length + index];
    return { arguments: given, flags: set, width };
  });
  return { kind: 'command', statement, input, common };
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
  if (!words.some((word) => word.text.startsWith('-')) || isRaw(command)) {
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

function isRaw(command: Command): boolean {
  return Object.values(command.arguments).some((argument) => argument.raw === true);
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

/** 'peek[.b|.w|.l|.q] LOCATION [COUNT] [--stride N] [--allow-split]' */
export function usage(command: Command): string {
  const parts = [command.width ? `${command.name}[.b|.w|.l|.q]` : command.name];
  for (const { label, presence } of Object.values(command.arguments)) {
    if (presence === 'required') parts.push(label);
    else parts.push(presence === 'many' ? `[${label}...]` : `[${label}]`);
  }
  for (const [key, flag] of Object.entries(command.flags)) {
    const shown = isToggle(flag) ? flagName(key) : `${flagName(key)} ${flag.label}`;
    parts.push(!isToggle(flag) && flag.presence === 'required' ? shown : `[${shown}]`);
  }
  return parts.join(' ');
}
