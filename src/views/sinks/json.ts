import type { Width } from '../../vfio/width.js';
import { textOf } from '../line.js';
import { hexString } from '../numbers.js';
import type { Cell, CellsView, FieldView, RegisterView, View } from '../view.js';

/**
 * `view` as one line of JSON for scripts, ended by a line feed. Each is an object with `kind`; keys in brackets are left
 * out where there is nothing to say. Values of up to 32 bits are numbers, those of 64 bits (and every bigint) strings
 * such as "0x10", an offset is a number unless it is an address.
 *
 * - read:  {kind, space, offset, width, value, [name], [took, reads]}: took in nanoseconds, of `wait`
 * - write: {kind, space, offset, width, value, written, [old], [mask], [readBack], [name]}
 * - registers: {kind, registers}: each {space, offset, width, name, [value], [before], [reset], [missing], fields}, its fields {name, high, low,
 *          [access], [value], [valueName], [before], [beforeName], [reset], [resetName]}; a write of fields has them as well, and notes
 * - cells: {kind, space, offset, width, stride, count, cells, faults, [skipped], [name]}: cells hold null where there is no value;
 *          faults has an {index, reason} for each that could not be read, skipped an {index, count, reason} for those that were left out
 * - fields: {kind, [title], fields, [notes]}: objects of label to text, or what the command says its data is
 * - table: {kind, [title], rows}: an object of column key to text for each row, or what the command says its data is
 * - text:  {kind, lines}, or what the command says its data is
 * - disassembly: {kind, space, architecture, instructions}: each {address, bytes, mnemonic, operands}, bytes as digits
 * - address-map: {kind} and what the command says its data is
 * - chart: {kind} and what the command says its data is
 * - all:   {kind, views}: the parts in order, or what the command says its data is
 */
export function json(view: View): string {
  return `${toJson(shape(view))}\n`;
}

/** One line of JSON; a bigint becomes "0x10", bytes become digits, and no character in it can move a cursor. */
export function toJson(data: unknown): string {
  return JSON.stringify(data, replace).replace(unprintable, (character) => {
    let text = '';
    for (let unit = 0; unit < character.length; unit++) {
      text += `\\u${character.charCodeAt(unit).toString(16).padStart(4, '0')}`;
    }
    return text;
  });
}

const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

function replace(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return hex(value);
  return value instanceof Uint8Array ? hexString(value) : value;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function shape(view: View): object {
  switch (view.kind) {
    case 'read':
      return {
        kind: view.kind,
        ...placeOf(view),
        value: number(view.value, view.width),
        name: view.name,
        took: view.took,
        reads: view.reads,
      };
    case 'write':
      return {
        kind: view.kind,
        ...placeOf(view),
        value: number(view.value, view.width),
        written: number(view.written, view.width),
        old: optional(view.old, view.width),
        mask: optional(view.mask, view.width),
        readBack: optional(view.readBack, view.width),
        name: view.name,
        fields: view.fields?.map((field) => fieldShape(field, view.width)),
        notes: view.notes,
      };
    case 'registers':
      return { kind: view.kind, registers: view.registers.map(registerShape) };
    case 'cells':
      return {
        kind: view.kind,
        ...placeOf(view),
        stride: view.stride,
        count: view.count,
        cells: cellValues(view),
        faults: view.faults.map(({ index, reason }) => ({ index, reason })),
        skipped: view.skipped?.map(({ index, count, reason }) => ({ index, count, reason })),
        name: view.name,
      };
    case 'fields':
      return view.data === undefined
        ? { kind: view.kind, title: view.title, ...fieldTexts(view.fields) }
        : { kind: view.kind, title: view.title, fields: view.data };
    case 'table':
      return {
        kind: view.kind,
        title: view.title,
        rows:
          view.data ??
          view.rows.map((row) => Object.fromEntries(view.columns.map(({ key }) => [key, textOf(row[key] ?? '')]))),
      };
    case 'text':
      return view.data ?? { kind: view.kind, lines: view.lines.map(textOf) };
    case 'disassembly':
      return {
        kind: view.kind,
        space: view.space,
        architecture: view.architecture,
        instructions: view.instructions.map(({ address, bytes, mnemonic, operands }) => ({
          address,
          bytes,
          mnemonic,
          operands,
        })),
      };
    case 'address-map':
      return { kind: view.kind, ...view.data() };
    case 'chart':
      return { kind: view.kind, ...view.data };
    case 'all':
    default:
      return view.data ?? { kind: view.kind, views: view.views.map(shape) };
  }
}

function registerShape(view: RegisterView): object {
  const { width } = view;
  return {
    ...placeOf(view),
    name: view.name,
    value: optional(view.value, width),
    before: optional(view.before, width),
    reset: optional(view.reset, width),
    missing: view.missing,
    fields: view.fields.map((field) => fieldShape(field, width)),
  };
}

function fieldShape(field: FieldView, width: Width): object {
  return {
    ...field,
    value: optional(field.value, width),
    before: optional(field.before, width),
    reset: optional(field.reset, width),
  };
}

function placeOf(view: { space: string; offset: number | bigint; width: Width }): object {
  return { space: view.space, offset: view.offset, width: view.width };
}

/** A value's type depends on the width alone, so that a script can rely on it. */
function number(value: number | bigint, width: Width): number | string {
  return width === 64 ? hex(BigInt(value)) : Number(value);
}

function optional(value: number | bigint | undefined, width: Width): number | string | undefined {
  return value === undefined ? undefined : number(value, width);
}

function fieldTexts(fields: readonly { label: string; value: Cell; note?: Cell }[]): object {
  const noted = fields.filter(({ note }) => note !== undefined);
  return {
    fields: Object.fromEntries(fields.map(({ label, value }) => [label, textOf(value)])),
    notes:
      noted.length === 0 ? undefined : Object.fromEntries(noted.map(({ label, note }) => [label, textOf(note ?? '')])),
  };
}

function cellValues(view: CellsView): (number | string | null)[] {
  const { bytes, width, count } = view;
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values: (number | string | null)[] = [];
  for (let index = 0; index < count; index++) {
    if (width === 8) values.push(data.getUint8(index));
    else if (width === 16) values.push(data.getUint16(index * 2, true));
    else if (width === 32) values.push(data.getUint32(index * 4, true));
    else values.push(hex(data.getBigUint64(index * 8, true)));
  }
  for (const { index } of view.faults) values[index] = null;
  for (const { index, count: many } of view.skipped ?? []) values.fill(null, index, index + many);
  return values;
}
