import { type Line, lineText } from '../line.js';
import type { Role, Span } from '../view.js';

/** Looks at which a word is still marked: first inverse, then bold, then like the others. */
const FRESH = 2;
const FADED = 5;

/** Roles whose words are never marked: they name and frame what changes. */
const unmarked: ReadonlySet<Role> = new Set(['address', 'heading', 'dim', 'fault']);

/**
 * Marks the words of a picture that were others at the look before, and lets the marks fade. A word is what stands between blanks; it is
 * compared with what stood in the same columns of the same row, and where a longer word before it has pushed it aside, with the word of its
 * number there.
 */
export class ChangeMarks {
  #before: readonly string[] | undefined;
  /** Looks since a word changed, by row and column. */
  #ages = new Map<string, number>();

  /** Another picture comes: nothing of it has changed. */
  forget(): void {
    this.#before = undefined;
    this.#ages = new Map();
  }

  /** A new look has been taken. */
  take(lines: readonly Line[]): void {
    const texts = lines.map(lineText);
    const ages = new Map<string, number>();
    for (const [key, age] of this.#ages) if (age + 1 < FADED) ages.set(key, age + 1);
    const before = this.#before;
    if (before !== undefined) {
      for (const [row, text] of texts.entries()) {
        const old = before[row];
        if (old === undefined || old === text) continue;
        const oldWords = wordsOf(old);
        for (const [index, { start, word }] of wordsOf(text).entries()) {
          if (old.slice(start, start + word.length) === word || oldWords[index]?.word === word) continue;
          ages.set(`${row}:${start}`, 0);
        }
      }
    }
    this.#ages = ages;
    this.#before = texts;
  }

  /** The lines of the last look, with their marks. */
  mark(lines: readonly Line[]): readonly Line[] {
    if (this.#ages.size === 0) return lines;
    return lines.map((line, row) => this.#markLine(line, row));
  }

  #markLine(line: Line, row: number): Line {
    const spans: Span[] = [];
    let column = 0;
    for (const span of line) {
      if (unmarked.has(span.role)) spans.push(span);
      else this.#markSpan(span, row, column, spans);
      column += span.text.length;
    }
    return spans;
  }

  #markSpan({ text, role }: Span, row: number, column: number, spans: Span[]): void {
    let done = 0;
    for (const { start, word } of wordsOf(text)) {
      const age = this.#ages.get(`${row}:${column + start}`);
      if (age === undefined) continue;
      if (start > done) spans.push({ text: text.slice(done, start), role });
      spans.push({ text: word, role: age < FRESH ? 'changed' : 'heading' });
      done = start + word.length;
    }
    if (done < text.length) spans.push({ text: text.slice(done), role });
  }
}

function wordsOf(text: string): { start: number; word: string }[] {
  return [...text.matchAll(/\S+/g)].map((found) => ({ start: found.index, word: found[0] }));
}
