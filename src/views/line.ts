import { escape } from './escape.js';
import { cut, textWidth } from './text-width.js';
import type { Cell, Role, Span } from './view.js';

/** One line to show: its texts are escaped and hold no line break, so a sink can write them as they are. */
export type Line = readonly Span[];

/** Escaped spans of `cell`; `role` is what a plain string is. */
export function spansOf(cell: Cell, role: Role = 'plain'): Line {
  if (typeof cell === 'string') return cell === '' ? [] : [{ text: escape(cell), role }];
  return cell.map((span) => ({ text: escape(span.text), role: span.role }));
}

/** The text of `cell` as it was given, without roles and not escaped. */
export function textOf(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  let text = '';
  for (const span of cell) text += span.text;
  return text;
}

export function lineText(line: Line): string {
  let text = '';
  for (const span of line) text += span.text;
  return text;
}

export function lineWidth(line: Line): number {
  let width = 0;
  for (const span of line) width += textWidth(span.text);
  return width;
}

/** `line` if it fits `columns`, else its beginning with `…` behind it. */
export function cutLine(line: Line, columns: number): Line {
  if (lineWidth(line) <= columns) return line;
  const kept: Span[] = [];
  let room = columns;
  for (const span of line) {
    const width = textWidth(span.text);
    // A span that just fills the room leaves none for the sign that something follows.
    if (width >= room) {
      kept.push({ text: cut(`${span.text} `, room), role: span.role });
      break;
    }
    kept.push(span);
    room -= width;
  }
  return kept;
}

/** `line` broken at spaces to fit `columns`; lines after the first begin with `indent` spaces. A long word stays whole. */
export function* wrapLine(line: Line, columns: number, indent: number): Generator<Line> {
  if (columns === Infinity || lineWidth(line) <= columns) {
    yield line;
    return;
  }
  let current: Span[] = [];
  let used = 0;
  let begun = false;
  for (const span of line) {
    for (const piece of span.text.match(/ +|[^ ]+/g) ?? []) {
      const width = textWidth(piece);
      const blank = piece.startsWith(' ');
      if (begun && !blank && used + width > columns) {
        yield withoutTrailingBlanks(current);
        current = [{ text: ' '.repeat(indent), role: 'plain' }];
        used = indent;
      }
      append(current, piece, span.role);
      used += width;
      // The label in front of a value is no place to break at: only what stands right of the indent is.
      begun ||= !blank && used > indent;
    }
  }
  yield withoutTrailingBlanks(current);
}

function append(spans: Span[], text: string, role: Role): void {
  const last = spans.at(-1);
  if (last?.role === role) spans[spans.length - 1] = { text: last.text + text, role };
  else spans.push({ text, role });
}

function withoutTrailingBlanks(spans: readonly Span[]): Line {
  const last = spans.at(-1);
  if (last === undefined) return spans;
  const text = last.text.trimEnd();
  return text === '' ? withoutTrailingBlanks(spans.slice(0, -1)) : [...spans.slice(0, -1), { text, role: last.role }];
}
