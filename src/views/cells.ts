import { escape } from './escape.js';
import { byteColumns } from './hexdump.js';
import { type Line, wrapLine } from './line.js';
import { hexBytes } from './numbers.js';
import type { CellsView, Role, Span } from './view.js';

const lineBytes = 16;
/** Lines that are formatted at once: enough to be quick, few enough that a long dump starts at once. */
const linesAtOnce = 256;
/** Ranges of one fault that are listed on a screen; where nothing is cut all are. */
const rangesShown = 6;

/** Marks of a cell that has no value, and of one that was found. */
const FAULTED = 1;
const SKIPPED = 2;
const FOUND = 3;

/** Consecutive cells as values (peek) or bytes (dump), and below them each reason why some could not be read, or were not. */
export function* renderCells(view: CellsView, columns: number): Generator<Line> {
  const bytesPerCell = view.width >> 3;
  const marks = marksOf(view);
  if (view.name !== undefined) yield [{ text: `${escape(`${view.space}.${view.name}`)}:`, role: 'heading' }];
  const label = labels(view);
  if (view.style === 'words') yield* words(view, columns, marks, label);
  else yield* dump(view, columns, marks, label, bytesPerCell);
  yield* faultLines(view, columns);
  yield* skipLines(view, columns);
}

/** 'region0+0x00000100: 010000ed 00000000 ...', 16 bytes a line or as many as fit. */
function* words(view: CellsView, columns: number, marks: Uint8Array | undefined, label: Label): Generator<Line> {
  const bytesPerCell = view.width >> 3;
  const space = escape(view.space);
  const used = space.length + label(Math.max(0, view.count - 1)).length + 3;
  let perLine = lineBytes / bytesPerCell;
  while (perLine > 1 && used + perLine * (bytesPerCell * 2 + 1) > columns + 1) perLine >>= 1;
  for (let first = 0; first < view.count; first += perLine) {
    const spans: Span[] = [{ text: `${space}+0x${label(first)}:`, role: 'address' }];
    const end = Math.min(first + perLine, view.count);
    let run = '';
    let role: Role = 'value';
    for (let cell = first; cell < end; cell++) {
      const mark = marks?.[cell] ?? 0;
      const wanted = roleOf(mark);
      if (wanted !== role) {
        if (run !== '') spans.push({ text: run, role });
        run = '';
        // The blank between two cells is no part of what is marked.
        if (wanted !== 'value') spans.push({ text: ' ', role: 'value' });
      }
      if (wanted === role || wanted === 'value') run += ' ';
      role = wanted;
      run += isKnown(mark)
        ? cellDigits(view.bytes, cell * bytesPerCell, bytesPerCell)
        : signOf(mark).repeat(bytesPerCell * 2);
    }
    spans.push({ text: run, role });
    yield spans;
  }
}

function roleOf(mark: number): Role {
  return mark === FAULTED ? 'fault' : mark === SKIPPED ? 'warning' : mark === FOUND ? 'changed' : 'value';
}

function isKnown(mark: number): boolean {
  return mark === 0 || mark === FOUND;
}

/** What stands for a digit that is not known. */
function signOf(mark: number): string {
  return mark === FAULTED ? '-' : '.';
}

/** The digits of one little-endian cell. */
function cellDigits(bytes: Uint8Array, at: number, length: number): string {
  let digits = '';
  for (let index = at + length - 1; index >= at; index--) digits += hexBytes[bytes[index] ?? 0] ?? '';
  return digits;
}

/** '00000100: ed 00 00 01 ...  |....|' in memory order; '*' for lines like the one above; at last the end's offset. */
function* dump(
  view: CellsView,
  columns: number,
  marks: Uint8Array | undefined,
  label: Label,
  bytesPerCell: number,
): Generator<Line> {
  const used = label(Math.max(0, view.count - 1)).length + 6;
  let perLine = lineBytes;
  while (perLine > 8 && used + perLine * 4 > columns) perLine >>= 1;
  const { bytes, bad } = maskedBytes(view, marks, bytesPerCell);
  // A stride of its own means that equal lines are answers of different accesses: every one is shown.
  const contiguous = view.stride === bytesPerCell;
  let last = -1;
  let squeezing = false;
  for (let batch = 0; batch < bytes.length; batch += linesAtOnce * perLine) {
    const slice = bytes.subarray(batch, batch + linesAtOnce * perLine);
    // Formatting is the costly part, so only lines that are shown are formatted; -1 stands for the first '*' of a run.
    const shown: number[] = [];
    const parts: Uint8Array[] = [];
    for (let start = batch; start < batch + slice.length; start += perLine) {
      if (contiguous && view.window !== true && last >= 0 && sameLine(bytes, bad, last, start, perLine)) {
        if (!squeezing) shown.push(-1);
        squeezing = true;
        continue;
      }
      squeezing = false;
      last = start;
      shown.push(start);
      parts.push(bytes.subarray(start, start + perLine));
    }
    const formatted = byteColumns(Buffer.concat(parts), perLine);
    let next = 0;
    for (const start of shown) {
      if (start < 0) {
        yield [{ text: '*', role: 'dim' }];
        continue;
      }
      const { hex, characters } = formatted[next++] ?? { hex: '', characters: '' };
      yield dumpLine(label(start / bytesPerCell), hex, characters, perLine, bad?.subarray(start, start + perLine));
    }
  }
  if (contiguous && view.window !== true) yield [{ text: label(view.count), role: 'address' }];
}

function dumpLine(label: string, hex: string, characters: string, perLine: number, bad: Uint8Array | undefined): Line {
  const spans: Span[] = [{ text: `${label}: `, role: 'address' }];
  if (bad?.some((mark) => mark !== 0) === true) {
    let text = '';
    for (let index = 0; index < characters.length; index++) {
      if (index > 0 && bad[index] !== bad[index - 1]) {
        spans.push(...runSpans(text, bad[index - 1]));
        text = '';
      }
      const mark = bad[index] ?? 0;
      text += isKnown(mark) ? hex.slice(index * 3, index * 3 + 3) : `${signOf(mark).repeat(2)} `;
      if (index === 7 && perLine > 8) text += ' ';
    }
    spans.push(...runSpans(text, bad[characters.length - 1]));
    characters = Array.from(characters, (character, index) => (isKnown(bad[index] ?? 0) ? character : '.')).join('');
  } else {
    const middle = perLine > 8 && characters.length > 7 ? `${hex.slice(0, 24)} ${hex.slice(24)}` : hex;
    spans.push({ text: middle, role: 'value' });
  }
  const missing = perLine - characters.length;
  const padding = ' '.repeat(missing * 3 + 1 + (perLine > 8 && characters.length < 8 ? 1 : 0));
  spans.push({ text: `${padding}|${characters}|`, role: 'dim' });
  return spans;
}

/** A run of bytes with one mark, of which the blanks behind it are no part. */
function runSpans(text: string, mark = 0): Span[] {
  const digits = text.trimEnd();
  return [
    { text: digits, role: roleOf(mark) },
    { text: ' '.repeat(text.length - digits.length), role: 'plain' },
  ];
}

/** The bytes with zeros for cells that have no value, and the mark of each byte. */
function maskedBytes(
  view: CellsView,
  marks: Uint8Array | undefined,
  bytesPerCell: number,
): { bytes: Uint8Array; bad: Uint8Array | undefined } {
  const bytes = view.bytes.subarray(0, view.count * bytesPerCell);
  if (marks === undefined) return { bytes, bad: undefined };
  const masked = Uint8Array.from(bytes);
  const bad = new Uint8Array(bytes.length);
  const { first, end } = foundBytes(view);
  bad.fill(FOUND, first, end);
  for (const [cell, mark] of marks.entries()) {
    if (isKnown(mark)) continue;
    masked.fill(0, cell * bytesPerCell, (cell + 1) * bytesPerCell);
    bad.fill(mark, cell * bytesPerCell, (cell + 1) * bytesPerCell);
  }
  return { bytes: masked, bad };
}

function sameLine(bytes: Uint8Array, bad: Uint8Array | undefined, one: number, other: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (bytes[one + index] !== bytes[other + index] || bad?.[one + index] !== bad?.[other + index]) return false;
  }
  return true;
}

/** What stands for cell number `index` (or the end, for `count`): its offset's digits, and its number if all are at one place. */
type Label = (index: number) => string;

function labels(view: CellsView): Label {
  const { offset, stride, count } = view;
  const offsetOf = (index: number): string => {
    const distance = index * stride;
    return (typeof offset === 'bigint' ? offset + BigInt(distance) : offset + distance).toString(16);
  };
  const digits = Math.max(8, offsetOf(Math.max(0, count - 1)).length);
  if (stride === 0) {
    const indexDigits = String(Math.max(0, count - 1)).length;
    return (index) => `${offsetOf(index).padStart(digits, '0')}[${String(index).padStart(indexDigits)}]`;
  }
  return (index) => offsetOf(index).padStart(digits, '0');
}

/** The mark of each cell: 0 where it has a value. */
function marksOf(view: CellsView): Uint8Array | undefined {
  const { count, faults, skipped = [], width } = view;
  const { first, end } = foundBytes(view);
  if (faults.length === 0 && skipped.length === 0 && first === end) return undefined;
  const marks = new Uint8Array(count);
  marks.fill(FOUND, first / (width >> 3), Math.ceil(end / (width >> 3)));
  for (const skip of skipped) marks.fill(SKIPPED, skip.index, skip.index + skip.count);
  for (const fault of faults) marks[fault.index] = FAULTED;
  return marks;
}

/** The view's bytes, [first, end), that are marked as found. */
function foundBytes({ found, offset, count, width }: CellsView): { first: number; end: number } {
  if (found === undefined || typeof offset === 'bigint') return { first: 0, end: 0 };
  const most = count * (width >> 3);
  const within = (at: number): number => Math.max(0, Math.min(most, at - offset));
  return { first: within(found.offset), end: within(found.offset + found.bytes) };
}

/** 'unreadable region0 0x104..0x10c, 0x110..0x114: SIGBUS: ...': each reason once, with half-open ranges of offsets. */
function* faultLines(view: CellsView, columns: number): Generator<Line> {
  const indexes = new Map<string, number[]>();
  for (const fault of view.faults) {
    const list = indexes.get(fault.reason);
    if (list === undefined) indexes.set(fault.reason, [fault.index]);
    else list.push(fault.index);
  }
  for (const [reason, list] of indexes) {
    const text = `unreadable ${rangesText(view, rangesOf(list), columns)}: ${escape(reason)}`;
    yield* wrapLine([{ text, role: 'fault' }], columns, 2);
  }
}

/** 'skipped region0 0x108..0x10c: FIFO: reading it changes something else', and last how they are read. */
function* skipLines(view: CellsView, columns: number): Generator<Line> {
  const ranges = new Map<string, [first: number, end: number][]>();
  for (const { index, count, reason } of view.skipped ?? []) {
    const known = ranges.get(reason);
    if (known === undefined) ranges.set(reason, [[index, index + count]]);
    else known.push([index, index + count]);
  }
  for (const [reason, list] of ranges) {
    const text = `skipped ${rangesText(view, list, columns)}: ${escape(reason)}`;
    yield* wrapLine([{ text, role: 'warning' }], columns, 2);
  }
  if (ranges.size > 0) yield [{ text: '--force reads what was skipped', role: 'dim' }];
}

/** 'region0 0x104..0x10c, 0x110..0x114'. */
function rangesText(view: CellsView, ranges: readonly [first: number, end: number][], columns: number): string {
  const most = columns === Infinity ? ranges.length : rangesShown;
  const shown = ranges.slice(0, most).map(([first, end]) => rangeText(view, first, end));
  if (ranges.length > most) shown.push(`and ${ranges.length - most} more`);
  return `${escape(view.space)} ${shown.join(', ')}`;
}

function rangesOf(indexes: readonly number[]): [first: number, end: number][] {
  const ranges: [number, number][] = [];
  for (const index of indexes.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && index <= last[1]) last[1] = index + 1;
    else ranges.push([index, index + 1]);
  }
  return ranges;
}

function rangeText(view: CellsView, first: number, end: number): string {
  const at = (distance: number): string =>
    `0x${(typeof view.offset === 'bigint' ? view.offset + BigInt(distance) : view.offset + distance).toString(16)}`;
  if (view.stride === 0) return `${at(0)}[${first}..${end}]`;
  return `${at(first * view.stride)}..${at((end - 1) * view.stride + (view.width >> 3))}`;
}
