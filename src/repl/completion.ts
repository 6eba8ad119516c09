import type { Argument, Candidate } from './arguments/argument.js';
import { Words } from './arguments/words.js';
import { type Command, flagName, isToggle } from './command.js';
import type { Names, World } from './environment.js';
import { Lexer, type Word } from './lexer.js';
import type { Registry } from './registry.js';
import { UsageError } from './usage-error.js';

/** How a line can go on: each candidate replaces what stands from `start` to the cursor. */
export interface Completion {
  readonly start: number;
  readonly candidates: readonly Candidate[];
}

/** What completion works with. It looks names up, reads folders, and never evaluates or touches the device. */
export interface CompletionSource extends Names {
  readonly registry: Registry;
  readonly world: World;
}

const commonFlags: readonly Candidate[] = [
  { text: '--json', summary: 'one line of JSON' },
  { text: '--js', summary: 'the JavaScript that does the same' },
  { text: '--dry-run', summary: 'the accesses that would be made' },
];

/** How `line`, which ends at the cursor, can go on; or the command that is to be loaded first to know. */
export function complete(line: string, source: CompletionSource): Completion | { readonly load: string } {
  const { words, typed, start } = wordsBefore(line);
  const fitting = (all: readonly Candidate[], from = start, begun = typed): Completion => ({
    start: from,
    candidates: unique(all.filter((candidate) => fits(candidate, begun))),
  });
  const { registry, world } = source;
  const part = inBrackets(typed);
  if (part !== undefined) {
    const names = part.startsWith('$') ? variables(world) : spaces(world, part);
    return fitting(names, line.length - part.length, part);
  }
  const [first, second] = words;
  if (first === undefined) return typed.startsWith('$') ? fitting(variables(world)) : fitting(firstWords(registry));
  const named = findCommand(line, first, second, registry);
  if (named === undefined) return fitting([]);
  const { command, taken, name } = named;
  const subcommands =
    taken === 1 && words.length === 1
      ? registry.subcommands(registry.names.includes(first.text) ? first.text : name)
      : [];
  if (command === undefined) {
    return registry.names.includes(name) ? { load: name } : fitting(subcommands.map((text) => ({ text })));
  }
  const own = completeArguments(line, command, words.slice(taken), typed, source);
  return fitting([...subcommands.map((text) => ({ text })), ...own]);
}

function findCommand(
  line: string,
  first: Word,
  second: Word | undefined,
  registry: Registry,
): { readonly command: Command | undefined; readonly taken: 1 | 2; readonly name: string } | undefined {
  const bare = { ...first, text: first.text.replace(/\.[bwlq]$/, '') };
  let head: string;
  try {
    head = registry.head(line, bare, true);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
  try {
    const found = registry.find(line, head, bare, second, true);
    return { command: found.command, taken: found.words, name: found.name };
  } catch (error) {
    if (error instanceof UsageError) return { command: registry.get(head), taken: 1, name: head };
    throw error;
  }
}

function completeArguments(
  line: string,
  command: Command,
  words: readonly Word[],
  typed: string,
  source: CompletionSource,
): readonly Candidate[] {
  const { world } = source;
  const assigned = /^(--[A-Za-z][A-Za-z-]*)=(.*)$/.exec(typed);
  if (assigned) {
    const [, name = '', begun = ''] = assigned;
    const flag = valueFlag(command, name);
    return (flag?.complete(begun, world, [], []) ?? []).map((candidate) => ({
      ...candidate,
      text: `${name}=${candidate.text}`,
    }));
  }
  const pending = valueFlag(command, words.at(-1)?.text ?? '');
  if (pending) return pending.complete(typed, world, [], []);
  if (typed.startsWith('-')) return flagCandidates(command);
  if (typed.startsWith('$')) return variables(world);
  const { argument, before, earlier } = currentArgument(line, command, positional(command, words), tersely(source));
  return argument?.complete(typed, world, before, earlier) ?? [];
}

/** Names whose failures nobody reads: Tab is not to look through ten thousand of them for what is near. */
function tersely(names: Names): Names {
  return {
    space: (name) => names.space(name),
    spaceNames: names.spaceNames,
    defaultSpace: names.defaultSpace,
    register: (space, path) => names.register(space, path, true),
    registers: names.registers,
  };
}

/** The argument that the next word belongs to, and its words so far. */
function currentArgument(
  line: string,
  command: Command,
  words: readonly Word[],
  names: Names,
): {
  readonly argument: Argument<unknown> | undefined;
  readonly before: readonly string[];
  readonly earlier: readonly string[];
} {
  let from = 0;
  for (const argument of Object.values(command.arguments)) {
    const rest = words.slice(from);
    const before = rest.map(({ text }) => text);
    const earlier = words.slice(0, from).map(({ text }) => text);
    if (rest.length === 0 || argument.presence === 'many') return { argument, before, earlier };
    const cursor = new Words(line, rest, line.length, names);
    try {
      argument.parse(cursor);
    } catch (error) {
      if (error instanceof UsageError) return { argument, before, earlier };
      throw error;
    }
    if (cursor.done && rest.length < (argument.most ?? 0)) return { argument, before, earlier };
    while (from < words.length && words[from] !== cursor.peek()) from += 1;
  }
  return { argument: undefined, before: [], earlier: [] };
}

/** The words that are neither flags nor values of flags. */
function positional(command: Command, words: readonly Word[]): Word[] {
  return words.filter(({ text }, index) => {
    if (/^--?[A-Za-z]/.test(text)) return false;
    return valueFlag(command, words[index - 1]?.text ?? '') === undefined;
  });
}

function valueFlag(command: Command, name: string): Argument<unknown> | undefined {
  for (const [key, flag] of Object.entries(command.flags)) if (flagName(key) === name && !isToggle(flag)) return flag;
  return undefined;
}

function flagCandidates(command: Command): Candidate[] {
  const own = Object.entries(command.flags).map(([key, { summary }]) => ({ text: flagName(key), summary }));
  return [...own, ...commonFlags];
}

function firstWords(registry: Registry): Candidate[] {
  return registry.names.map((name) => ({ text: name.split(' ')[0] ?? name }));
}

function variables(world: World): Candidate[] {
  return world.variableNames.map((name) => ({ text: `$${name}` }));
}

function spaces(world: World, typed: string): Candidate[] {
  const names = [...world.spaceNames.map((text) => ({ text })), ...world.registerNames(typed)];
  return names.map((candidate) => ({ ...candidate, more: true }));
}

/**
 * What is typed of a name in the innermost bracket that is open: [LOCATION] or an expression in ( ). The index of a register's array is part
 * of its name, and no such bracket, unless a variable is typed there.
 */
function inBrackets(typed: string): string | undefined {
  const open = /(?<before>[\w\]])?[[(]\s*(?<part>(?:[A-Za-z_$](?:[\w.-]|\[\w*\])*(?:\[\w*)?)?)$/.exec(typed);
  if (open === null) return undefined;
  const { before, part = '' } = open.groups ?? {};
  return before !== undefined && !part.startsWith('$') ? undefined : part;
}

function fits({ text, name }: Candidate, begun: string): boolean {
  return name === true ? text.toUpperCase().startsWith(begun.toUpperCase()) : text.startsWith(begun);
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((candidate) => [candidate.text, candidate])).values()];
}

/** The finished words of the last command of `line`, and the word that is being typed. */
function wordsBefore(line: string): { words: Word[]; typed: string; start: number } {
  const start = lastWordStart(line);
  const lexer = new Lexer(line.slice(0, start));
  let words: Word[] = [];
  while (lexer.nextCommand()) {
    words = [];
    for (let word = lexer.word(); word; word = lexer.word()) words.push(word);
  }
  if (/;\s*$/.test(line.slice(0, start))) words = [];
  return {
    words,
    typed: line.slice(start).replace(/^["']/, ''),
    start: start + (/^["']/.test(line.slice(start)) ? 1 : 0),
  };
}

/** Where the word starts that ends at the line's end. White space in quotes and brackets belongs to a word. */
function lastWordStart(line: string): number {
  let start = 0;
  let quote: string | undefined;
  let depth = 0;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at];
    if (quote !== undefined) {
      if (char === '\\') at += 1;
      else if (char === quote) quote = undefined;
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '(' || char === '[') depth += 1;
    else if (char === ')' || char === ']') depth = Math.max(0, depth - 1);
    else if (char === ';' || ((char === ' ' || char === '\t') && depth === 0)) {
      start = at + 1;
      depth = 0;
    }
  }
  return Math.min(start, line.length);
}
