import type { Command } from './command.js';
import type { CommandModule } from './commands/index.js';
import type { Word } from './lexer.js';
import { nearest } from '../vfio/nearest.js';
import { didYouMean } from './did-you-mean.js';
import { clip } from './number.js';
import { UsageError } from './usage-error.js';

/** A name as it can be typed: a command's own, or an alias of it. */
interface Entry {
  readonly typed: string;
  /** The command's own name. */
  readonly name: string;
  readonly module: CommandModule;
}

/** What the first words of a line name. */
export interface Found {
  readonly name: string;
  /** Undefined until the module is loaded. */
  readonly command: Command | undefined;
  /** How many words the name took. */
  readonly words: 1 | 2;
}

/** Every command by its names. The names are known from the start; the commands come when they are first needed. */
export class Registry {
  readonly #entries = new Map<string, Entry>();
  /** First words, with the second words that follow each. */
  readonly #heads = new Map<string, string[]>();
  readonly #loaded = new Map<string, Command>();
  /** First words with followers whose own command takes arguments as well. */
  readonly #takesArguments = new Set<string>();

  constructor(modules: readonly CommandModule[]) {
    for (const module of modules) {
      for (const name of module.takesArguments ?? []) this.#takesArguments.add(name);
      for (const [name, ...aliases] of module.names) {
        for (const typed of [name, ...aliases]) this.#add({ typed, name, module });
      }
    }
  }

  #add(entry: Entry): void {
    if (this.#entries.has(entry.typed)) throw new Error(`two commands are called ${entry.typed}`);
    this.#entries.set(entry.typed, entry);
    const [head = '', tail] = entry.typed.split(' ');
    const tails = this.#heads.get(head) ?? [];
    if (tail !== undefined) tails.push(tail);
    this.#heads.set(head, tails);
  }

  /** Every name and alias, in the order of declaration. */
  get names(): string[] {
    return [...this.#entries.keys()];
  }

  /** The names of the commands, aliases left out. */
  get commandNames(): string[] {
    return [...new Set([...this.#entries.values()].map((entry) => entry.name))];
  }

  /** The second words of the commands that begin with `head`. */
  subcommands(head: string): readonly string[] {
    return this.#heads.get(head) ?? [];
  }

  /** The command of that name or alias, if its module is loaded. */
  get(typed: string): Command | undefined {
    const entry = this.#entries.get(typed);
    return entry && this.#loaded.get(entry.name);
  }

  async load(typed: string): Promise<Command> {
    const entry = this.#entries.get(typed);
    if (!entry) throw new Error(`no command is called ${typed}`);
    const { commands } = await entry.module.load();
    for (const command of commands) this.#loaded.set(command.name, command);
    const command = this.#loaded.get(entry.name);
    if (!command) throw new Error(`the index says ${entry.name}, but its module declares no such command`);
    return command;
  }

  /** Every command, loaded. */
  async loadAll(): Promise<Command[]> {
    return Promise.all(this.commandNames.map((name) => this.load(name)));
  }

  /**
   * Which command the words name that begin with `head`, as `head` gave it: the longest name that fits.
   * Throws UsageError with the nearest names.
   */
  find(line: string, head: string, first: Word, second: Word | undefined, prefixes: boolean): Found {
    const tails = this.subcommands(head);
    if (second !== undefined && !second.quoted && tails.length > 0) {
      const tail = matching(second.text, tails, prefixes);
      if (tail.length === 1) return this.#found(`${head} ${tail[0] ?? ''}`, 2);
      if (tail.length > 1 && !this.#entries.has(head)) {
        fail(line, second, `"${second.text}" may be ${tail.join(' or ')}`, 'type more of it');
      }
    }
    const hint = `${head} has ${tails.join(', ')}`;
    // Most commands with followers take no arguments of their own: what stands there is a follower that is spelled wrong.
    const isOne = second === undefined || tails.length === 0 || second.text.startsWith('-');
    if (this.#entries.has(head) && (isOne || this.#takesArguments.has(head))) return this.#found(head, 1);
    if (second === undefined) return fail(line, first, `"${head}" needs a second word`, hint);
    return fail(line, second, `${head} has no "${clip(second.text)}"`, didYouMean(second.text, tails) ?? hint);
  }

  #found(typed: string, words: 1 | 2): Found {
    const name = this.#entries.get(typed)?.name ?? typed;
    return { name, command: this.#loaded.get(name), words };
  }

  /**
   * The first word in full: names and aliases always, their unique beginnings where `prefixes` says so. Throws UsageError with the
   * nearest names.
   */
  head(line: string, first: Word, prefixes: boolean): string {
    if (this.#heads.has(first.text)) return first.text;
    const heads = matching(first.text, [...this.#heads.keys()], prefixes).filter((each) => !this.#isInFull(each));
    const [head] = heads;
    if (head !== undefined && new Set(heads.map((each) => this.#meaning(each))).size === 1) return head;
    if (heads.length > 1) fail(line, first, `"${first.text}" may be ${heads.join(' or ')}`, 'type more of it');
    const known = [...this.#heads.keys()];
    const variable = /^\$[A-Za-z_]\w*$/.test(first.text) ? first.text : undefined;
    if (variable !== undefined) {
      const hint = `echo ${clip(variable)} shows it, ${clip(variable)} = VALUE sets it`;
      fail(line, first, `"${clip(variable)}" is a variable, and no command`, hint);
    }
    const begun = prefixes ? [] : known.filter((name) => first.text.length > 0 && name.startsWith(first.text));
    const near = begun.length > 0 ? begun.slice(0, 3) : nearest(first.text.replace(/^[.:/]/, ''), known);
    const hint =
      near.length === 0 ? 'help lists the commands; JavaScript begins with =' : `did you mean ${near.join(' or ')}?`;
    return fail(line, first, `there is no command "${clip(first.text)}"`, hint);
  }

  #isInFull(head: string): boolean {
    return this.#entries.get(head)?.module.inFull === true;
  }

  /** What a first word stands for: aliases of one command mean the same, words with followers mean themselves. */
  #meaning(head: string): string {
    return (this.#heads.get(head) ?? []).length > 0 ? head : (this.#entries.get(head)?.name ?? head);
  }
}

/** `typed` itself if it is among `names`; else, if prefixes are allowed, all names that begin with it. */
function matching(typed: string, names: readonly string[], prefixes: boolean): string[] {
  if (names.includes(typed)) return [typed];
  return prefixes && typed !== '' ? names.filter((name) => name.startsWith(typed)) : [];
}

function fail(line: string, at: Word, message: string, hint: string): never {
  throw new UsageError(message, { line, start: at.start, end: at.end }, hint);
}
