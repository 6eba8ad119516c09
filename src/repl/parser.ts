import type { Width } from '../vfio/width.js';
import type { Command } from './command.js';
import { shapeOf } from './command-shape.js';
import { type Given, Lexer, type Word } from './lexer.js';
import type { Registry } from './registry.js';
import { type Extent, UsageError } from './usage-error.js';

interface Part extends Extent {
  /** It asks for a $1 that the script was not given: an error, but in a block only where it is run. */
  readonly unset?: UsageError;
}

/** A command with its words, before names are looked up in them. */
export interface CommandStatement extends Part {
  readonly kind: 'command';
  readonly command: Command;
  readonly width: Width | undefined;
  readonly words: readonly Word[];
  /** Where the words end that name the command, a width behind them left out; absent where it is named by a sign (= and ?). */
  readonly named?: number;
}

/** `$name = EXPRESSION` */
export interface AssignmentStatement extends Part {
  readonly kind: 'assignment';
  readonly name: string;
  readonly expression: Word;
}

/** What cannot be told, since it is named by a $1 that the script was not given. */
export interface UnsetStatement extends Part {
  readonly kind: 'unset';
}

export type Statement = CommandStatement | AssignmentStatement | UnsetStatement;

/** A line in parts. */
export interface ParsedLine {
  readonly statements: readonly Statement[];
  /** Words of blocks are among them: if, end and the like. */
  readonly control: boolean;
  readonly unset: UsageError | undefined;
}

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
  given?: Given,
): ParsedLine | { readonly load: string } {
  const lexer = new Lexer(text, given);
  const statements: Statement[] = [];
  let control = false;
  let unset: UsageError | undefined;
  while (lexer.nextCommand()) {
    const assigned = lexer.assignment();
    const next = assigned ? parseAssignment(lexer, assigned) : parseCommand(lexer, registry, prefixes);
    if ('load' in next) return next;
    if (next.kind === 'command' && next.command.control !== undefined) control = true;
    const error = next.unset ?? lexer.takeUnset();
    unset ??= error;
    statements.push(error === undefined ? next : { ...next, unset: error });
  }
  return { statements, control, unset };
}

function parseAssignment(lexer: Lexer, assigned: Word): AssignmentStatement {
  const expression = lexer.restOfCommand();
  const { line } = lexer;
  if (!expression) throw new UsageError('the value is missing', { line, start: line.length, end: line.length });
  return { kind: 'assignment', name: assigned.text, expression, start: assigned.start, end: expression.end };
}

function parseCommand(
  lexer: Lexer,
  registry: Registry,
  prefixes: boolean,
): CommandStatement | UnsetStatement | { readonly load: string } {
  const { line, position: start } = lexer;
  if (lexer.javascript()) return javascript(lexer, registry, start);
  const first = lexer.word();
  if (first === undefined) throw new Error('a command was announced, and there is none');
  const unset = lexer.takeUnset();
  if (unset !== undefined) return nameless(lexer, first, unset);
  const head = registry.head(line, withoutSuffix(withoutMark(first)), prefixes);
  if (asksHelp(first))
    return helpOn(lexer, registry, registry.find(line, head, first, undefined, prefixes).name, first);
  const behind = lexer.position;
  const second = registry.subcommands(head).length > 0 && lexer.skip() ? lexer.word() : undefined;
  const unsetSecond = lexer.takeUnset();
  if (unsetSecond !== undefined) return nameless(lexer, first, unsetSecond);
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
  const bare = withoutSuffix(last).end;
  return { kind: 'command', command, width, words, start: first.start, end, named: bare };
}

/** A command whose name is what the script was not given. */
function nameless(lexer: Lexer, { start, end }: Word, unset: UsageError): UnsetStatement {
  return { kind: 'unset', unset, start, end: lexer.restOfCommand()?.end ?? end };
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
  const words: Word[] = [];
  for (let word = shapeOf(command).raw ? lexer.rest() : lexer.word(); word; word = lexer.word()) words.push(word);
  return words;
}

function withoutSuffix(word: Word): Word {
  if (!word.text.includes('.')) return word;
  const found = suffixed.exec(word.text.length > 64 ? '' : word.text);
  const name = found?.[1];
  return name === undefined ? word : { ...word, text: name, end: word.start + name.length };
}

function widthBehind(line: string, word: Word, command: Command): Width | undefined {
  if (!word.text.includes('.')) return undefined;
  const letter = suffixed.exec(word.text.length > 64 ? '' : word.text)?.[2];
  if (letter === undefined) return undefined;
  const at = { line, start: word.end - letter.length - 1, end: word.end };
  if (!command.width) throw new UsageError(`${command.name} takes no width`, at, `write ${command.name}`);
  const width = Object.hasOwn(suffixes, letter) ? suffixes[letter] : undefined;
  if (width === undefined)
    throw new UsageError(`".${letter}" is no width`, at, '.b .w .l .q are 8, 16, 32 and 64 bits');
  return width;
}
