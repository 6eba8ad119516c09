import { escape } from './escape.js';
import { type Line, lineWidth, spansOf, wrapLine } from './line.js';
import { renderTable } from './table.js';
import { textWidth } from './text-width.js';
import type { AddressBar, AddressMapView, Role, Span } from './view.js';

/** Characters of a bar, the first of these that fits: powers of two, so that one character is a round number of bytes. */
const barWidths = [64, 32, 16, 8] as const;

const legend = '#  mapped   +  partly   .  free   x  not usable   ~  partly';
const narrowLegend = legend.replaceAll('  ', ' ');

/** The lines, a bar for each stretch, what their characters mean, and the table. */
export function* renderAddressMap(view: AddressMapView, columns: number): Generator<Line> {
  for (const line of view.lines) yield* wrapLine(spansOf(line), columns, 2);
  if (view.bars.length > 0) {
    yield* bars(view.bars, columns);
    yield* wrapLine([{ text: columns < legend.length ? narrowLegend : legend, role: 'dim' }], columns, 0);
  }
  yield* renderTable(view.table, columns);
}

/** 'whole space  0x0 [....+......~] 0x8000000000  one character is 8 GiB' */
function* bars(all: readonly AddressBar[], columns: number): Generator<Line> {
  const rows = all.map((bar) => ({
    bar,
    label: escape(bar.label),
    from: `0x${bar.first.toString(16)}`,
    to: `0x${(bar.last + 1n).toString(16)}`,
  }));
  const widest = (texts: readonly string[]): number => Math.max(...texts.map(textWidth));
  const labels = widest(rows.map(({ label }) => label));
  const froms = widest(rows.map(({ from }) => from));
  const tos = widest(rows.map(({ to }) => to));
  const room = columns - labels - froms - tos - '   []  '.length;
  const width = barWidths.find((each) => each <= room) ?? 8;
  for (const { bar, label, from, to } of rows) {
    const line: Span[] = [
      { text: label.padEnd(labels + 2), role: 'name' },
      { text: from.padStart(froms), role: 'address' },
      { text: ' [', role: 'plain' },
      ...cells(bar, width),
      { text: '] ', role: 'plain' },
      { text: to, role: 'address' },
    ];
    const scale = `${' '.repeat(tos - to.length)}  one character is ${roundBytes(Number(bar.last - bar.first + 1n) / width)}`;
    if (lineWidth(line) + scale.length <= columns) line.push({ text: scale, role: 'dim' });
    yield line;
  }
}

/** The bar's characters, equal ones as one span. */
function cells({ first, last, mapped, reserved }: AddressBar, width: number): Span[] {
  const total = Number(last - first + 1n);
  const each = Math.ceil(total / width);
  const inMapped = shares(mapped, Number(first), total, each);
  const inReserved = shares(reserved, Number(first), total, each);
  const spans: Span[] = [];
  for (let index = 0; index < width; index += 1) {
    const size = Math.min(each, total - index * each);
    const [text, role] = cell(inMapped[index] ?? 0, inReserved[index] ?? 0, size);
    const before = spans.at(-1);
    if (before?.role === role) spans[spans.length - 1] = { text: before.text + text, role };
    else spans.push({ text, role });
  }
  return spans;
}

/** How many of each cell's bytes the stretches take. */
function shares(edges: Float64Array, first: number, total: number, each: number): Float64Array {
  const sums = new Float64Array(Math.ceil(total / each));
  for (let nth = 0; nth + 1 < edges.length; nth += 2) {
    const end = Math.min((edges[nth + 1] ?? 0) - first, total);
    for (let at = Math.max(0, (edges[nth] ?? 0) - first); at < end;) {
      const index = Math.floor(at / each);
      const next = Math.min((index + 1) * each, end);
      sums[index] = (sums[index] ?? 0) + next - at;
      at = next;
    }
  }
  return sums;
}

function cell(mapped: number, reserved: number, size: number): readonly [text: string, role: Role] {
  if (mapped > 0) return mapped >= size ? ['#', 'good'] : ['+', 'good'];
  if (reserved > 0) return reserved >= size ? ['x', 'warning'] : ['~', 'warning'];
  return ['.', 'dim'];
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Bytes in three digits: '16 KiB', '1.5 KiB', '256 bytes'. */
export function roundBytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit] ?? ''}`;
}
