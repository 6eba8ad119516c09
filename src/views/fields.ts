import { escape } from './escape.js';
import { type Line, spansOf, wrapLine } from './line.js';
import { textWidth } from './text-width.js';
import type { FieldsView, Span } from './view.js';

/**
 * The title, then one aligned 'label: value  note' for each field, indented under the title; long ones continue below. A field without a label
 * belongs to the one above it.
 */
export function* renderFields(view: FieldsView, columns: number): Generator<Line> {
  const indent = view.title === undefined ? '' : '  ';
  if (view.title !== undefined) yield [{ text: escape(view.title), role: 'heading' }];
  const labels = view.fields.map(({ label }) => (label === '' ? '' : `${escape(label)}:`));
  const labelWidth = Math.max(0, ...labels.map(textWidth));
  for (const [index, field] of view.fields.entries()) {
    const label = labels[index] ?? '';
    const spans: Span[] = [{ text: `${indent}${label}`, role: 'name' }];
    const value = spansOf(field.value);
    const note = field.note === undefined ? [] : spansOf(field.note, 'dim');
    if (value.length + note.length > 0) {
      spans.push({ text: ' '.repeat(labelWidth - textWidth(label) + 1), role: 'plain' }, ...value);
    }
    if (note.length > 0) spans.push({ text: value.length > 0 ? '  ' : '', role: 'plain' }, ...note);
    yield* wrapLine(spans, columns, indent.length + labelWidth + 1);
  }
}
