/** Bytes [start, end). Lists of them are sorted and do not overlap. */
export type Range = readonly [start: number, end: number];

/** What is in both. */
export function intersection(some: readonly Range[], others: readonly Range[]): Range[] {
  const found: Range[] = [];
  for (let [one, other] = [0, 0]; one < some.length && other < others.length;) {
    const [a, b] = [some[one], others[other]];
    if (a === undefined || b === undefined) break;
    const [start, end] = [Math.max(a[0], b[0]), Math.min(a[1], b[1])];
    if (start < end) found.push([start, end]);
    if (a[1] < b[1]) one += 1;
    else other += 1;
  }
  return found;
}

/** What is in `some` and not in `others`. */
export function difference(some: readonly Range[], others: readonly Range[]): Range[] {
  const found: Range[] = [];
  let other = 0;
  for (const [start, end] of some) {
    let at = start;
    while (other < others.length && (others[other]?.[1] ?? Infinity) <= at) other += 1;
    for (let next = other; at < end; next += 1) {
      const [from, until] = others[next] ?? [end, end];
      if (from > at) found.push([at, Math.min(from, end)]);
      at = Math.max(at, until);
      if (from >= end) break;
    }
  }
  return found;
}
