/** Edits (insert, delete, replace, swap of neighbours) that lead from `a` to `b`; more than `most` count as Infinity. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most || a.length > 64) return Infinity;
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  const edits = previous[b.length] ?? Infinity;
  return edits <= most ? edits : Infinity;
}

/** The names that `wrong` may have been meant for: those that begin like it, else the nearest; at most three. */
export function nearest(wrong: string, names: readonly string[]): string[] {
  const low = wrong.toLowerCase();
  const most = low.length <= 3 ? low.length >> 1 : Math.min(3, Math.ceil(low.length / 3));
  const edits = (name: string): number =>
    low.length > 1 && name.toLowerCase().startsWith(low) ? 0 : distance(low, name.toLowerCase(), most);
  const near = names.map((name) => ({ name, edits: edits(name) }));
  const best = Math.min(...near.map((each) => each.edits));
  if (best === Infinity) return [];
  return near
    .filter((each) => each.edits === best)
    .map(({ name }) => name)
    .sort()
    .slice(0, 3);
}
