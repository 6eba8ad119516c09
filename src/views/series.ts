/** A value, or nothing where it could not be read. */
export type Sample = bigint | undefined;

/** Buckets that are kept, at the most: then two become one. */
const MOST = 4096;

/**
 * Samples in time, in bounded memory. Where one stands for several, it is the one that is farthest from what came before it: a peak of one
 * sample stays to be seen.
 */
export class Series {
  #kept: Sample[] = [];
  /** Samples that each of those kept stands for. */
  #each = 1;
  /** Of the last bucket, so far. */
  #open: Sample[] = [];
  #count = 0;

  add(sample: Sample): void {
    this.#count += 1;
    this.#open.push(sample);
    if (this.#open.length < this.#each) return;
    this.#kept.push(farthest(this.#open, this.#kept.at(-1)));
    this.#open = [];
    if (this.#kept.length < MOST) return;
    this.#kept = condensed(this.#kept, MOST / 2);
    this.#each *= 2;
  }

  /** Samples that were added. */
  get count(): number {
    return this.#count;
  }

  /** All of them, in time. */
  get samples(): readonly Sample[] {
    return this.#open.length === 0 ? this.#kept : [...this.#kept, farthest(this.#open, this.#kept.at(-1))];
  }
}

/** `samples` in `columns` of equal length, or as they are where there are no more. */
export function condensed(samples: readonly Sample[], columns: number): Sample[] {
  if (samples.length <= columns) return [...samples];
  const made: Sample[] = [];
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * samples.length) / columns);
    const until = Math.floor(((column + 1) * samples.length) / columns);
    made.push(farthest(samples.slice(from, until), made.at(-1)));
  }
  return made;
}

function farthest(samples: readonly Sample[], from: Sample): Sample {
  let found: Sample;
  for (const sample of samples) {
    if (sample === undefined) continue;
    if (found === undefined || (from !== undefined && distance(sample, from) > distance(found, from))) found = sample;
  }
  return found;
}

function distance(one: bigint, other: bigint): bigint {
  return one < other ? other - one : one - other;
}
