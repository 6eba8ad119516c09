import { escape } from './escape.js';
import { cutLine, type Line, lineWidth, spansOf } from './line.js';
import { textWidth } from './text-width.js';
import type { Column, Span, TableView } from './view.js';

/** A column that must give way keeps at least this much, or its header. */
const leastWidth = 8;
const gap = '  ';

/** The title, a header, and a line for each row, in columns as wide as what is in them. */
export function* renderTable(view: TableView, columns: number): Generator<Line> {
  if (view.title !== undefined) yield [{ text: escape(view.title), role: 'heading' }];
  if (view.rows.length === 0) {
    yield [{ text: escape(view.empty ?? 'none'), role: 'dim' }];
    return;
  }
  const headers: Line[] = view.columns.map((column) => [{ text: escape(column.header), role: 'heading' }]);
  const rows = view.rows.map((row) => view.columns.map((column) => spansOf(row[column.key] ?? '')));
  const widths = view.columns.map((_, index) => {
    let widest = lineWidth(headers[index] ?? []);
    for (const row of rows) widest = Math.max(widest, lineWidth(row[index] ?? []));
    return widest;
  });
  shrink(view.columns, widths, columns);
  yield rowLine(view.columns, headers, widths);
  for (const row of rows) yield rowLine(view.columns, row, widths);
}

/** Takes what is too much from the columns that may shrink, from the widest first. Others are kept whole. */
function shrink(columns: readonly Column[], widths: number[], limit: number): void {
  let excess = widths.reduce((sum, width) => sum + width, gap.length * (widths.length - 1)) - limit;
  const least = columns.map((column) => Math.max(leastWidth, textWidth(escape(column.header))));
  while (excess > 0) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const spare = (widths[index] ?? 0) - (least[index] ?? 0);
      if (column.shrink === true && spare > 0 && (widths[index] ?? 0) > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
}

function rowLine(columns: readonly Column[], cells: readonly Line[], widths: readonly number[]): Line {
  const spans: Span[] = [];
  let pending = '';
  for (const [index, column] of columns.entries()) {
    const width = widths[index] ?? 0;
    const cell = cutLine(cells[index] ?? [], width);
    const padding = ' '.repeat(Math.max(0, width - lineWidth(cell)));
    if (column.align === 'right') pending += padding;
    // Blanks are written only in front of something, so no line ends with them.
    if (cell.length > 0) {
      if (pending !== '') spans.push({ text: pending, role: 'plain' });
      spans.push(...cell);
      pending = '';
    }
    if (column.align !== 'right') pending += padding;
    pending += gap;
  }
  return spans;
}
