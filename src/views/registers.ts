import { writeLine } from './access.js';
import { escape } from './escape.js';
import { type Line, wrapLine } from './line.js';
import { hexValue, place } from './numbers.js';
import { renderTable } from './table.js';
import type { Cell, Column, FieldView, RegistersView, RegisterView, Span, WriteView } from './view.js';

const indent = '  ';
const margin: Span = { text: indent, role: 'plain' };
/** What a table has between two columns. */
const between: Span = { text: '  ', role: 'plain' };

/** Each register on a line, and below it its fields: bits, name, access, value, the value's name, and what it was. */
export function* renderRegisters(view: RegistersView, columns: number): Generator<Line> {
  if (view.brief === true) {
    const rows = view.registers.map((register) => {
      const [[name], value] = headOf(register);
      const missing = register.value === undefined;
      return {
        mark: markOf(register),
        name: [name],
        value: missing ? '-' : value,
        notes: missing ? value : listed(notesOf(register)),
      };
    });
    yield* renderTable({ kind: 'table', columns: briefColumns, rows, empty: 'no registers' }, columns);
    return;
  }
  for (const register of view.registers) {
    const [name, value] = headOf(register);
    const line: Span[] = [...name, { text: ': ', role: 'plain' }, ...listed([...value, ...notesOf(register)])];
    if (register.title !== undefined) line.push({ text: `  ${escape(register.title)}`, role: 'dim' });
    yield* wrapLine(line, columns, 4);
    yield* fieldLines(register.fields, columns, register.value !== undefined);
  }
}

/** 'region1.CTRL (region1+0xc)', and the value or why there is none. */
function headOf(register: RegisterView): [name: [Span, Span], value: Span[]] {
  const { space, offset, width, name, value, missing } = register;
  const head: [Span, Span] = [
    { text: escape(`${space}.${name}`), role: 'name' },
    { text: escape(` (${place(space, offset)})`), role: 'address' },
  ];
  if (value !== undefined)
    return [head, [{ text: hexValue(value, width), role: register.before === undefined ? 'value' : 'changed' }]];
  const { kind, reason } = missing ?? { kind: 'skipped', reason: 'not read' };
  const label = kind === 'fault' ? 'unreadable' : 'skipped';
  const hint = kind === 'fault' ? '' : ' (--force reads it)';
  return [head, [{ text: `${label}: ${escape(reason)}${hint}`, role: kind === 'fault' ? 'fault' : 'warning' }]];
}

/** A sign for what is not as it was last seen, so that it is not told by colour alone. */
function markOf({ before }: { readonly before?: bigint }): Cell {
  return before === undefined ? '' : [{ text: '*', role: 'changed' }];
}

/** 'was 0x00000000', 'reset 0x00000001'. */
function notesOf({ before, reset, width }: RegisterView): Span[] {
  const notes: Span[] = [];
  if (before !== undefined) notes.push({ text: `was ${hexValue(before, width)}`, role: 'changed' });
  if (reset !== undefined) notes.push({ text: `reset ${hexValue(reset, width)}`, role: 'dim' });
  return notes;
}

const briefColumns: readonly Column[] = [
  { key: 'mark', header: '' },
  { key: 'name', header: '' },
  { key: 'value', header: '' },
  { key: 'notes', header: '', shrink: true },
];

const fieldColumns: readonly Column[] = [
  { key: 'mark', header: '' },
  { key: 'bits', header: '' },
  { key: 'name', header: '' },
  { key: 'access', header: '' },
  { key: 'value', header: '', align: 'right' },
  { key: 'meaning', header: '', shrink: true },
];

/** A line for each field, in columns. */
function* fieldLines(fields: readonly FieldView[], columns: number, valued: boolean): Generator<Line> {
  if (fields.length === 0 || !valued) return;
  const rows = fields.map((field) => ({
    mark: markOf(field),
    bits: [{ text: bitsOf(field), role: 'address' } as const],
    name: [{ text: field.name, role: 'name' } as const],
    access: [{ text: field.access ?? '', role: 'dim' } as const],
    value: field.value === undefined ? [{ text: '-', role: 'dim' } as const] : [valueSpan(field, field.value)],
    meaning: meaningOf(field),
  }));
  for (const line of renderTable({ kind: 'table', columns: fieldColumns, rows }, columns - indent.length))
    yield [margin, ...line];
}

function bitsOf({ high, low }: FieldView): string {
  return high === low ? `[${low}]` : `[${high}:${low}]`;
}

function valueSpan(field: FieldView, value: bigint): Span {
  return { text: fieldValue(value, field), role: field.before === undefined ? 'value' : 'changed' };
}

/** A bit as it is, more of them in hexadecimal. */
function fieldValue(value: bigint, { high, low }: FieldView): string {
  const bits = high - low + 1;
  return bits === 1 ? String(value) : `0x${value.toString(16).padStart(Math.ceil(bits / 4), '0')}`;
}

/** Spans with a comma and a space between them; the comma stays where the line is broken. */
function listed(spans: readonly Span[]): Span[] {
  return spans.map(({ text, role }, index) => ({ text: index + 1 < spans.length ? `${text}, ` : text, role }));
}

/** 'FAST, was SLOW, reset SLOW': names, or values where there are none. */
function meaningOf(field: FieldView): Span[] {
  const { valueName, before, reset } = field;
  const parts: Span[] = [];
  if (valueName !== undefined) parts.push({ text: valueName, role: 'good' });
  if (before !== undefined) parts.push({ text: `was ${named(before, field.beforeName, field)}`, role: 'changed' });
  if (reset !== undefined) parts.push({ text: `reset ${named(reset, field.resetName, field)}`, role: 'dim' });
  return listed(parts);
}

function named(value: bigint, name: string | undefined, field: FieldView): string {
  return name === undefined ? fieldValue(value, field) : `${fieldValue(value, field)} ${name}`;
}

const changeColumns: readonly Column[] = [
  { key: 'bits', header: '' },
  { key: 'name', header: '' },
  { key: 'change', header: '', shrink: true },
];

/** The write, and below it what became of the fields that were asked for, and how others were left alone. */
export function writeLines(view: WriteView, columns: number): Line[] {
  const lines = [writeLine(view)];
  if (view.fields !== undefined) addChanges(lines, view.fields, columns);
  for (const note of view.notes ?? []) lines.push([{ text: `${indent}${escape(note)}`, role: 'dim' }]);
  return lines;
}

/** A line for each field that was asked for, in columns. */
function addChanges(lines: Line[], fields: readonly FieldView[], columns: number): void {
  const [only] = fields;
  if (only === undefined) return;
  if (fields.length === 1 && columns === Infinity) {
    // Nothing to align or to break: the path of scripts, which set one field again and again.
    const bits: Span = { text: bitsOf(only), role: 'address' };
    lines.push([margin, bits, between, { text: escape(only.name), role: 'name' }, between, ...changeOf(only)]);
    return;
  }
  const rows = fields.map((field) => ({
    bits: [{ text: bitsOf(field), role: 'address' } as const],
    name: [{ text: field.name, role: 'name' } as const],
    change: changeOf(field),
  }));
  for (const line of renderTable({ kind: 'table', columns: changeColumns, rows }, columns - indent.length))
    lines.push([margin, ...line]);
}

/** '0x1 SLOW -> 0x4 FAST', '<- 1'. */
function changeOf(field: FieldView): Span[] {
  const { value = 0n, valueName, before, beforeName } = field;
  const written: Span = { text: named(value, valueName, field), role: 'changed' };
  if (before === undefined) return [{ text: '<- ', role: 'plain' }, written];
  return [{ text: named(before, beforeName, field), role: 'value' }, { text: ' -> ', role: 'plain' }, written];
}
