/** Sub-buckets in each power of two: quantiles are right to 1/16. */
const LOG2_STEPS = 4;
const STEPS = 2 ** LOG2_STEPS;

/** How values (durations in nanoseconds) are spread, in constant memory: exact extremes, quantiles to 6 %. */
export class Histogram {
  readonly #buckets = new Float64Array(64 * STEPS);
  #count = 0;
  #min = Infinity;
  #max = 0;

  /** Adds `value` (0 or more) `times` times. */
  add(value: number, times = 1): void {
    this.#count += times;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    const bucket = bucketOf(value);
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + times;
  }

  get count(): number {
    return this.#count;
  }

  get min(): number | undefined {
    return this.#count === 0 ? undefined : this.#min;
  }

  get max(): number | undefined {
    return this.#count === 0 ? undefined : this.#max;
  }

  /** The value below which `share` (0 to 1) of them lie; undefined where there are none. */
  quantile(share: number): number | undefined {
    if (this.#count === 0) return undefined;
    let left = Math.ceil(share * this.#count);
    for (const [bucket, count] of this.#buckets.entries()) {
      left -= count;
      if (left <= 0) return Math.min(this.#max, Math.max(this.#min, middleOf(bucket)));
    }
    return this.#max;
  }
}

function bucketOf(value: number): number {
  if (value < STEPS) return Math.floor(value);
  if (value < 2 ** 31) {
    // The same without floating point: a storm comes through here a million times a second.
    const power = 31 - Math.clz32(value);
    return power * STEPS + (value >>> (power - LOG2_STEPS)) - STEPS;
  }
  const power = Math.min(62, Math.floor(Math.log2(value)));
  const low = 2 ** power;
  return power * STEPS + Math.min(STEPS - 1, Math.floor(((value - low) / low) * STEPS));
}

function middleOf(bucket: number): number {
  if (bucket < STEPS) return bucket;
  const low = 2 ** Math.floor(bucket / STEPS);
  return low + ((bucket % STEPS) + 0.5) * (low / STEPS);
}
