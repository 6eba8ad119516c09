/** Gives one figure of a contender: nanoseconds an operation, say. */
export type Contender = () => number | Promise<number>;

/**
 * The figures of contenders that take turns, `rounds` times: what else the machine does meanwhile hits them all alike. Sorted, the
 * smallest first.
 */
export async function inTurn<const Names extends string>(
  rounds: number,
  contenders: Readonly<Record<Names, Contender>>,
): Promise<Record<Names, readonly number[]>> {
  const names = Object.keys(contenders) as Names[];
  const figures = Object.fromEntries(names.map((name) => [name, []])) as Record<string, number[]> as Record<
    Names,
    number[]
  >;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) figures[name].push(await contenders[name]());
  }
  for (const name of names) figures[name].sort((a, b) => a - b);
  return figures;
}

/** The value below which `part` of the sorted `values` lie. */
export function quantile(values: readonly number[], part: number): number {
  return values[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
}

export function best(values: readonly number[]): number {
  return quantile(values, 0);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Nanoseconds that `body` takes. */
export function nanoseconds(body: () => unknown): number {
  const begun = process.hrtime.bigint();
  body();
  return Number(process.hrtime.bigint() - begun);
}
