import type { Names } from './environment.js';
import type { Word } from './lexer.js';
import { UsageError } from './usage-error.js';

/** Brackets, signs and conditions inside each other, at the most: more is no expression that anyone typed. */
const DEEPEST = 200;

/** Reads one word character by character, and knows where in the line each of them stands. */
export class Scanner {
  readonly line: string;
  readonly names: Names;
  readonly text: string;
  readonly end: number;
  at: number;
  /** What to add to a position in `text` for its place in the line; undefined where the word does not stand in the line as it is. */
  readonly #shift: number | undefined;
  readonly #word: Word;
  #depth = 0;

  constructor(line: string, word: Word, names: Names) {
    this.line = line;
    this.names = names;
    this.#word = word;
    this.text = word.text;
    this.end = word.text.length;
    this.at = 0;
    const verbatim = word.end - word.start === word.text.length && line.startsWith(word.text, word.start);
    this.#shift = verbatim ? word.start : undefined;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  get char(): string {
    return this.text[this.at] ?? '';
  }

  skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 32 && code !== 9) return;
      this.at += 1;
    }
  }

  /** Goes past `token` if it stands here. */
  accept(token: string): boolean {
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }

  /** What the sticky `pattern` matches here, gone past; undefined where it does not. */
  match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  /** Runs `body` one level deeper. */
  nested<T>(body: () => T): T {
    if (this.#depth >= DEEPEST) this.fail('nested too deeply', this.at, this.end, `at most ${DEEPEST} levels`);
    this.#depth += 1;
    const result = body();
    this.#depth -= 1;
    return result;
  }

  /** Throws a UsageError that underlines [start, end) of the text. */
  fail(message: string, start = this.at, end = Math.max(start + 1, this.at), hint?: string): never {
    throw this.error(message, start, end, hint);
  }

  error(message: string, start: number, end: number, hint?: string): UsageError {
    const shift = this.#shift;
    if (shift === undefined)
      return new UsageError(message, { line: this.line, start: this.#word.start, end: this.#word.end }, hint);
    return new UsageError(message, { line: this.line, start: start + shift, end: end + shift }, hint);
  }
}
