import type { MapProblem } from '../register-map.js';
import { booleanOf, scaledOf, short } from './svd-text.js';
import type { Element } from './xml-tree.js';

/** Problems that are told, at the most: a file of another kind has one in every line. */
const MOST_PROBLEMS = 200;

/** What is made of a file, at the most, registers and fields weighed: what is derived again and again has no end. */
const MOST_PARTS = 2_000_000;

/** What is being read: where it is, and what was found wrong with it. */
export class Reading {
  readonly file: string;
  readonly #problems: MapProblem[] = [];
  readonly #told = new Set<string>();
  #untold = 0;
  #left = MOST_PARTS;

  constructor(file: string) {
    this.file = file;
  }

  /** 'nrf.svd:1204:7'. */
  where({ line, column }: { readonly line: number; readonly column: number }): string {
    return `${this.file}:${line}:${column}`;
  }

  /** Notes what is wrong; the same of the same place once, however often it is derived from. */
  report(at: { readonly line: number; readonly column: number }, why: string): void {
    const where = this.where(at);
    const key = `${where} ${why}`;
    if (this.#told.has(key)) return;
    if (this.#problems.length >= MOST_PROBLEMS) {
      this.#untold += 1;
      return;
    }
    this.#told.add(key);
    this.#problems.push({ where, why });
  }

  /** Whether `parts` more can be made of the file; a problem, once, where not. */
  spend(parts: number, at: { readonly line: number; readonly column: number }): boolean {
    if (this.#left < 0) return false;
    this.#left -= parts;
    if (this.#left < 0) this.report(at, `all that is derived in this file is too much: what follows is left out`);
    return this.#left >= 0;
  }

  get problems(): readonly MapProblem[] {
    if (this.#untold === 0) return this.#problems;
    return [...this.#problems, { where: this.file, why: `and ${this.#untold} more` }];
  }

  /** What `read` makes of an element's text; undefined, and a problem, where it cannot. */
  value<T>(element: Element | undefined, read: (text: string) => T | string): T | undefined {
    if (element === undefined) return undefined;
    const made = read(element.text);
    if (typeof made !== 'string') return made;
    this.report(element, `${element.name}: ${made}`);
    return undefined;
  }

  scaled(element: Element | undefined): bigint | undefined {
    return this.value(element, scaledOf);
  }

  /** A number that an offset, a width or a count can be: below 2^53. */
  whole(element: Element | undefined): number | undefined {
    return this.value(element, (text) => {
      const value = scaledOf(text);
      if (typeof value === 'string') return value;
      return value < 2n ** 53n ? Number(value) : `0x${value.toString(16)} is beyond 2^53`;
    });
  }

  flag(element: Element | undefined): boolean | undefined {
    return this.value(element, booleanOf);
  }

  /** One of the words of `words`, in any case, or `otherwise` and a problem. */
  word<T>(element: Element | undefined, words: Readonly<Record<string, T>>, otherwise?: T): T | undefined {
    if (element === undefined) return undefined;
    const text = element.text.trim();
    const found = Object.entries(words).find(([word]) => word.toLowerCase() === text.toLowerCase());
    if (found !== undefined) return found[1];
    this.report(element, `${element.name}: "${short(text)}" is none of ${Object.keys(words).join(', ')}`);
    return otherwise;
  }
}
