import { escape } from './escape.js';
import { type Line, lineWidth, spansOf, wrapLine } from './line.js';
import { renderTable } from './table.js';
import { textWidth } from './text-width.js';
import type { AddressBar, AddressMapView, Role, Span } from './view.js';

/** Characters of a bar, the first of these that fits: powers of two, so that one character is a round number of bytes. */
const barWidths = [64, 32, 16, 8] as const;

const legend = '#  mapped   +  partly   .  free   x  not usable   ~  partly';

/** The lines, a bar for each stretch, what their characters mean, and the table. */
export function* renderAddressMap(view: AddressMapView, columns: number): Generator<Line> {
  for (const line of view.lines) yield* wrapLine(spansOf(line), columns, 2);
  if (view.bars.length > 0) {
    yield* bars(view.bars, columns);
    yield [{ text: legend, role: 'dim' }];
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
    const scale = `${' '.repeat(tos - to.length)}  one character is ${roundBytes((bar.last - bar.first + 1n) / BigInt(width))}`;
    if (lineWidth(line) + scale.length <= columns) line.push({ text: scale, role: 'dim' });
    yield line;
  }
}

/** The bar's characters, equal ones as one span. */
function cells({ first, last, stretches }: AddressBar, width: number): Span[] {
  const each = (last - first + BigInt(width)) / BigInt(width);
  const mapped = Array.from({ length: width }, () => 0n);
  const reserved = Array.from({ length: width }, () => 0n);
  for (const stretch of stretches) {
    const sums = stretch.what === 'mapped' ? mapped : reserved;
    const start = stretch.first > first ? stretch.first - first : 0n;
    const end = (stretch.last < last ? stretch.last : last) - first + 1n;
    for (let at = start; at < end;) {
      const index = at / each;
      const next = (index + 1n) * each < end ? (index + 1n) * each : end;
      sums[Number(index)] = (sums[Number(index)] ?? 0n) + next - at;
      at = next;
    }
  }
  const spans: Span[] = [];
  for (let index = 0; index < width; index += 1) {
    const begin = BigInt(index) * each;
    const size = begin + each > last - first + 1n ? last - first + 1n - begin : each;
    const [text, role] = cell(mapped[index] ?? 0n, reserved[index] ?? 0n, size);
    const before = spans.at(-1);
    if (before?.role === role) spans[spans.length - 1] = { text: before.text + text, role };
    else spans.push({ text, role });
  }
  return spans;
}

function cell(mapped: bigint, reserved: bigint, size: bigint): readonly [text: string, role: Role] {
  if (mapped > 0n) return mapped >= size ? ['#', 'good'] : ['+', 'good'];
  if (reserved > 0n) return reserved >= size ? ['x', 'warning'] : ['~', 'warning'];
  return ['.', 'dim'];
}

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Bytes in three digits: '16 KiB', '1.5 KiB', '256 bytes'. */
export function roundBytes(count: bigint): string {
  let value = Number(count);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit] ?? ''}`;
}
