import type { Width } from '../../vfio/width.js';
import type { Names } from '../environment.js';
import type { Word } from '../lexer.js';
import { type Extent, UsageError } from '../usage-error.js';

/** The words of one command (or the one word of a flag's value), read from left to right. */
export class Words {
  readonly line: string;
  readonly names: Names;
  /** The width asked for behind the command word. */
  readonly width: Width | undefined;
  readonly #words: readonly Word[];
  readonly #end: number;
  #next = 0;

  /** `end` is where in the line a word that is missing would stand. */
  constructor(line: string, words: readonly Word[], end: number, names: Names, width?: Width) {
    this.line = line;
    this.#words = words;
    this.#end = end;
    this.names = names;
    this.width = width;
  }

  get done(): boolean {
    return this.#next >= this.#words.length;
  }

  /** The next word, or one `ahead` of it, left where it is. */
  peek(ahead = 0): Word | undefined {
    return this.#words[this.#next + ahead];
  }

  /** The next word. Throws UsageError where there is none: 'COUNT is missing'. */
  take(label: string): Word {
    const word = this.#words[this.#next];
    if (word === undefined) {
      throw new UsageError(`${label} is missing`, { line: this.line, start: this.#end, end: this.#end });
    }
    this.#next += 1;
    return word;
  }

  /** All words that are left, as one: what stands in the line from the first to the last, where they stand there as they are. */
  takeRest(label: string): Word {
    const first = this.take(label);
    const rest = this.#words.slice(this.#next - 1);
    const last = rest.at(-1) ?? first;
    this.#next = this.#words.length;
    const verbatim = rest.every(
      ({ text, start, end }) => end - start === text.length && this.line.startsWith(text, start),
    );
    const text = verbatim ? this.line.slice(first.start, last.end) : rest.map((word) => word.text).join(' ');
    return { text, start: first.start, end: last.end, quoted: false };
  }

  fail(message: string, at: Extent, hint?: string): never {
    throw new UsageError(message, { line: this.line, start: at.start, end: at.end }, hint);
  }
}
