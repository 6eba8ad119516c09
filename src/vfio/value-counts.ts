import { decodeWord } from './access-rules.js';
import { bytesOf, type Width } from './width.js';

/** Different values that are counted one by one, at the most. */
const MOST_VALUES = 65536;

/** How often each value was seen, in bounded memory: of more different values than fit, those that came late are counted together. */
export class ValueCounts {
  readonly #counts = new Map<number | bigint, number>();
  #total = 0;
  #others = 0;
  #transitions = 0;
  #min: number | bigint | undefined;
  #max: number | bigint | undefined;
  /** Bits that were 1 in all values, and in any of them. */
  #always = 0n;
  #ever = 0n;
  #last: number | bigint | undefined;

  /** Adds `value`, which came `times` times in a row. */
  add(value: number | bigint, times = 1): void {
    this.#total += times;
    if (value !== this.#last) this.#turnTo(value);
    const known = this.#counts.get(value);
    if (known !== undefined) this.#counts.set(value, known + times);
    else if (this.#counts.size < MOST_VALUES) this.#counts.set(value, times);
    else this.#others += times;
  }

  #turnTo(value: number | bigint): void {
    if (this.#last !== undefined) this.#transitions += 1;
    this.#last = value;
    if (this.#counts.has(value)) return;
    const bits = BigInt(value);
    this.#always = this.#min === undefined ? bits : this.#always & bits;
    this.#ever |= bits;
    if (this.#min === undefined || value < this.#min) this.#min = value;
    if (this.#max === undefined || value > this.#max) this.#max = value;
  }

  /** Adds `count` packed words from word `first` on; `part` gives the bits that are of interest, and all are without it. */
  addWords(bytes: Uint8Array, width: Width, first: number, count: number, part?: (word: bigint) => bigint): void {
    const step = bytesOf(width);
    for (let index = first; index < first + count;) {
      const word = decodeWord(bytes, width, index * step);
      let run = 1;
      while (index + run < first + count && decodeWord(bytes, width, (index + run) * step) === word) run += 1;
      this.add(part === undefined ? word : part(BigInt(word)), run);
      index += run;
    }
  }

  get total(): number {
    return this.#total;
  }

  /** Different values that were counted one by one. */
  get distinct(): number {
    return this.#counts.size;
  }

  /** Samples of values that came when no more could be told apart. */
  get others(): number {
    return this.#others;
  }

  /** How often a value was another than the one before it. */
  get transitions(): number {
    return this.#transitions;
  }

  get last(): bigint | undefined {
    return this.#last === undefined ? undefined : BigInt(this.#last);
  }

  get min(): bigint | undefined {
    return this.#min === undefined ? undefined : BigInt(this.#min);
  }

  get max(): bigint | undefined {
    return this.#max === undefined ? undefined : BigInt(this.#max);
  }

  /** Bits that were not the same in all values. */
  get changed(): bigint {
    return this.#ever & ~this.#always;
  }

  /** The `most` values that came most often, of equals the smaller first. */
  top(most: number): readonly { readonly value: bigint; readonly count: number }[] {
    return [...this.#counts]
      .sort(([one, often], [other, oftener]) => oftener - often || (one < other ? -1 : 1))
      .slice(0, most)
      .map(([value, count]) => ({ value: BigInt(value), count }));
  }
}
