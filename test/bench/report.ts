/** What a figure is held to, in words, and whether it keeps to it. */
export interface Limit {
  readonly text: string;
  readonly met: boolean;
}

/** One line of the table. Figures are text with their units; `ratio` is the measured one by the reference's, both of the same run. */
export interface Row {
  readonly name: string;
  readonly measured: string;
  readonly reference?: string;
  readonly ratio?: number;
  readonly limit?: Limit;
}

export function ratioAtMost(ratio: number, most: number): Limit {
  return { text: `ratio <= ${most}`, met: ratio <= most };
}

export function ratioAtLeast(ratio: number, least: number): Limit {
  return { text: `ratio >= ${least}`, met: ratio >= least };
}

export function atMost(value: number, most: number, unit: string): Limit {
  return { text: `<= ${most} ${unit}`, met: value <= most };
}

const columns: readonly { readonly head: string; readonly right?: true; text(row: Row): string }[] = [
  { head: 'name', text: (row) => row.name },
  { head: 'measured', right: true, text: (row) => row.measured },
  { head: 'reference', right: true, text: (row) => row.reference ?? '' },
  { head: 'ratio', right: true, text: (row) => row.ratio?.toFixed(2) ?? '' },
  { head: 'limit', text: (row) => row.limit?.text ?? '' },
  { head: 'ok', text: ({ limit }) => (limit === undefined ? '' : limit.met ? 'ok' : 'MISSED') },
];

/** The rows as a table, with a heading. */
export function table(rows: readonly Row[]): string {
  const cells = [columns.map(({ head }) => head), ...rows.map((row) => columns.map((column) => column.text(row)))];
  const widths = columns.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
  const lines = cells.map((line) =>
    line
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return columns[index]?.right ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}
