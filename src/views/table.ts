import { escape } from './escape.js';
import { cutLine, type Line, lineWidth, spansOf, wrapLine } from './line.js';
import { head, textWidth } from './text-width.js';
import type { Column, Span, TableView } from './view.js';

/** A column that must give way keeps at least this much, or its header. */
const leastWidth = 8;
const gap = '  ';

/** What is in a cell, or in a line of it. */
interface Measured {
  readonly line: Line;
  readonly width: number;
}

const nothing: Measured = { line: [], width: 0 };

function measured(line: Line): Measured {
  return { line, width: lineWidth(line) };
}

/**
 * The title, a header (none where no column has one), and each row in columns as wide as what is in them. What does not fit a column that
 * gives way goes on below, so that nothing is hidden on a narrow screen.
 */
export function* renderTable(view: TableView, columns: number): Generator<Line> {
  if (view.title !== undefined) yield [{ text: escape(view.title), role: 'heading' }];
  if (view.rows.length === 0) {
    yield [{ text: escape(view.empty ?? 'none'), role: 'dim' }];
    return;
  }
  const headers = view.columns.map((column) => measured([{ text: escape(column.header), role: 'heading' }]));
  const rows = view.rows.map((row) => view.columns.map((column) => measured(spansOf(row[column.key] ?? ''))));
  const widths = headers.map(({ width }, index) => {
    let widest = width;
    for (const row of rows) widest = Math.max(widest, row[index]?.width ?? 0);
    return widest;
  });
  shrink(view.columns, widths, columns);
  if (view.columns.some(({ header }) => header !== '')) yield* rowLines(view.columns, headers, widths);
  for (const row of rows) yield* rowLines(view.columns, row, widths);
}

/** A line that holds a word wider than the column, such as a path, in pieces that fit: all of it is to be read. */
function broken(line: Line, columns: number): Line[] {
  if (lineWidth(line) <= columns) return [line];
  const lines: Span[][] = [[]];
  let room = columns;
  for (const { text, role } of line) {
    for (let rest = text; rest !== '';) {
      const piece = head(rest, room);
      if (piece === '' && room === columns) return [line];
      if (piece !== '') lines.at(-1)?.push({ text: piece, role });
      rest = rest.slice(piece.length);
      room -= textWidth(piece);
      if (rest === '') break;
      lines.push([]);
      room = columns;
    }
  }
  return lines;
}

/** The lines of a row: as many as its tallest cell needs. */
function* rowLines(columns: readonly Column[], cells: readonly Measured[], widths: readonly number[]): Generator<Line> {
  if (cells.every(({ width }, index) => width <= (widths[index] ?? 0))) {
    yield rowLine(columns, cells, widths);
    return;
  }
  const stacks = cells.map((cell, index) => {
    const width = widths[index] ?? 0;
    return columns[index]?.shrink === true
      ? [...wrapLine(cell.line, width, 0)].flatMap((line) => broken(line, width)).map(measured)
      : [cell];
  });
  const height = Math.max(1, ...stacks.map(({ length }) => length));
  for (let nth = 0; nth < height; nth += 1)
    yield rowLine(
      columns,
      stacks.map((stack) => stack[nth] ?? nothing),
      widths,
    );
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

function rowLine(columns: readonly Column[], cells: readonly Measured[], widths: readonly number[]): Line {
  const spans: Span[] = [];
  let pending = '';
  for (const [index, column] of columns.entries()) {
    const room = widths[index] ?? 0;
    const whole = cells[index] ?? nothing;
    const { line: cell, width } = whole.width <= room ? whole : measured(cutLine(whole.line, room));
    const padding = ' '.repeat(Math.max(0, room - width));
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
