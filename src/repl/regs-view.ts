import { type AccessKind, accessWord } from '../vfio/registers/access-word.js';
import { bitsText, nameOf, valueIn } from '../vfio/registers/field-value.js';
import { entriesOf } from '../vfio/registers/map-export.js';
import { patternText } from '../vfio/registers/notation.js';
import type {
  FieldDescription,
  MapProblem,
  NamedValue,
  Register,
  RegisterMap,
  WriteConstraint,
} from '../vfio/registers/register-map.js';
import { registersIn } from '../vfio/registers/register-map.js';
import { readEffectText } from '../vfio/registers/register-set.js';
import type { SvdDevice, SvdPeripheral } from '../vfio/registers/svd/svd-device.js';
import type { FieldsView, TableView, View } from '../views/view.js';

/** Problems that an answer lists, at the most; regs problems lists all. */
const MOST_PROBLEMS = 5;

const writeEffects: Readonly<Record<string, string>> = {
  w1c: 'ones clear',
  w1s: 'ones set',
  w1t: 'ones toggle',
  w0c: 'zeros clear',
  w0s: 'zeros set',
  w0t: 'zeros toggle',
  clear: 'any write clears',
  set: 'any write sets',
};

/** 'w1c', 'ro'; 'wo w1c, reading it clears it' where no one word says all. */
export function accessText(kind: AccessKind): string {
  const word = accessWord(kind);
  if (word !== undefined) return word;
  const { access, writeEffect, readEffect } = kind;
  const write = writeEffect === 'modify' ? '' : ` ${writeEffect}`;
  const bare = accessWord({ access, writeEffect });
  return `${bare ?? access + write}${readEffect === undefined ? '' : `, ${readEffectText[readEffect]}`}`;
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** Every map: where it is and how much is in it. */
export function mapsView(maps: readonly RegisterMap[]): TableView {
  const rows = maps.map((map) => ({ map, registers: [...registersIn(map.children)], first: map.children[0] }));
  return {
    kind: 'table',
    columns: [
      { key: 'name', header: 'map' },
      { key: 'place', header: 'at' },
      { key: 'registers', header: 'registers', align: 'right' },
      { key: 'origin', header: 'from' },
      { key: 'problems', header: 'problems', align: 'right' },
      { key: 'description', header: 'description', shrink: true },
    ],
    rows: rows.map(({ map, registers, first }) => ({
      name: map.name,
      place: first === undefined ? '-' : `${first.space}+${hex(map.base ?? 0)}`,
      registers: String(registers.length),
      origin: map.origin,
      problems: map.problems.length === 0 ? '' : String(map.problems.length),
      description: map.description ?? '',
    })),
    empty: 'no register map is loaded: regs load FILE loads one',
    data: rows.map(({ map, registers, first }) => ({
      name: map.name,
      ...(first !== undefined && { space: first.space }),
      base: map.base ?? 0,
      registers: registers.length,
      origin: map.origin,
      problems: map.problems.length,
    })),
  };
}

/** Registers as a table, a line each. */
export function registersTable(registers: readonly Register[]): TableView {
  return {
    kind: 'table',
    columns: [
      { key: 'name', header: 'register' },
      { key: 'offset', header: 'offset', align: 'right' },
      { key: 'width', header: 'bits', align: 'right' },
      { key: 'access', header: 'access' },
      { key: 'reset', header: 'reset', align: 'right' },
      { key: 'description', header: 'description', shrink: true },
    ],
    rows: registers.map((register) => ({
      name: [{ text: `${register.space}.${register.path}`, role: 'name' }],
      offset: [{ text: hex(register.offset), role: 'address' }],
      width: String(register.width),
      access: accessText(register),
      reset: register.reset === undefined ? '' : hex(register.reset),
      description: register.title ?? register.description ?? '',
    })),
    empty: 'no register map is loaded: regs load FILE loads one',
    data: registers.map(summaryOf),
  };
}

function summaryOf(register: Register): object {
  const { space, path, offset, width, access, writeEffect, readEffect, reset, resetMask, description } = register;
  return {
    space,
    path,
    offset,
    width,
    access,
    ...(writeEffect !== 'modify' && { writeEffect }),
    ...(readEffect !== undefined && { readEffect }),
    ...(reset !== undefined && { reset: hex(reset) }),
    ...(resetMask !== undefined && { resetMask: hex(resetMask) }),
    ...(description !== undefined && { description }),
    fields: register.fields.map(({ name }) => name),
  };
}

/** All that a map says of a register. */
export function registerDescription(register: Register, map: RegisterMap | undefined): View {
  const { space, offset, width, path, title, description, reset, resetMask, protection, constraint, readEffect } =
    register;
  const maybe = (label: string, value: string | undefined): FieldsView['fields'] =>
    value === undefined || value === '' ? [] : [{ label, value }];
  const head: FieldsView = {
    kind: 'fields',
    title: title === undefined ? `${space}.${path}` : `${space}.${path}: ${title}`,
    fields: [
      { label: 'place', value: `${space}+${hex(offset)}, ${width} bits` },
      { label: 'access', value: accessText(register) },
      ...maybe('writing', writingText(register.writeEffect, constraint)),
      ...maybe('reading', readEffect && `${readEffectText[readEffect]}: it is read on demand only`),
      ...maybe('reset', reset === undefined ? undefined : resetText(reset, resetMask, width)),
      ...maybe('needs', protection && `${protection} accesses`),
      ...maybe('alternate', register.alternate === true ? 'another register is at the same place' : undefined),
      ...maybe('map', map && `${map.name}, from ${map.origin}`),
      ...maybe('about', description),
    ],
  };
  const fields: TableView = {
    kind: 'table',
    columns: [
      { key: 'bits', header: 'bits' },
      { key: 'name', header: 'field' },
      { key: 'access', header: 'access' },
      { key: 'reset', header: 'reset' },
      { key: 'description', header: 'description', shrink: true },
    ],
    rows: register.fields.flatMap((field) => fieldRows(field, register)),
    empty: 'its map describes no fields',
  };
  const data = { space, path, ...entriesOf([register], 0)[0], ...(map && { map: map.name, origin: map.origin }) };
  return { kind: 'all', views: [head, fields], data };
}

function writingText(effect: string, constraint: WriteConstraint | undefined): string {
  const parts = effect === 'modify' ? [] : [writeEffects[effect] ?? effect];
  if (constraint?.kind === 'range') parts.push(`from ${hex(constraint.from)} to ${hex(constraint.to)} only`);
  if (constraint?.kind === 'enumerated') parts.push('named values only');
  if (constraint?.kind === 'as-read') parts.push('what was read only');
  return parts.join(', ');
}

function resetText(reset: bigint, mask: bigint | undefined, width: number): string {
  const all = (1n << BigInt(width)) - 1n;
  return mask === undefined || mask === all ? hex(reset) : `${hex(reset)}, of which ${hex(mask)} is defined`;
}

function fieldRows(field: FieldDescription, { reset, resetMask }: Register): TableView['rows'] {
  const defined = reset !== undefined && (resetMask === undefined || valueIn(resetMask, field) !== 0n);
  const after = defined ? valueIn(reset, field) : undefined;
  const named = after === undefined ? undefined : nameOf(after, field, 'read')?.name;
  const writing = writingText('modify', field.constraint);
  return [
    {
      bits: bitsText(field),
      name: [{ text: field.name, role: 'name' }],
      access: accessText(field) + (writing === '' ? '' : `, ${writing}`),
      reset: after === undefined ? '' : `${hex(after)}${named === undefined ? '' : ` ${named}`}`,
      description: field.description ?? '',
    },
    ...field.values.map((value) => ({
      bits: '',
      name: `  ${rangeText(value, field.bits)} ${value.name}`,
      access: value.usage === 'both' ? '' : `to ${value.usage}`,
      reset: '',
      description: value.description ?? '',
    })),
  ];
}

function rangeText({ from, to, mask, isDefault }: NamedValue, bits: number): string {
  if (isDefault === true) return 'others';
  if (mask !== undefined) return patternText(from, mask, bits);
  return from === to ? hex(from) : `${hex(from)}..${hex(to)}`;
}

/** Registers, fields and values whose names or descriptions hold all of `words`. */
export function searchView(registers: readonly Register[], words: readonly string[], most: number): TableView {
  const wanted = words.map((word) => word.toLowerCase());
  const holds = (...texts: readonly (string | undefined)[]): boolean => {
    const text = texts.join(' ').toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const found: { readonly name: string; readonly what: string; readonly description: string }[] = [];
  for (const register of registers) {
    const { space, path, title, description } = register;
    const full = `${space}.${path}`;
    if (holds(path, title, description))
      found.push({ name: full, what: 'register', description: description ?? title ?? '' });
    for (const field of register.fields) {
      if (holds(field.name, field.description)) {
        found.push({
          name: `${full}.${field.name}`,
          what: `field ${bitsText(field)}`,
          description: field.description ?? '',
        });
      }
      for (const value of field.values) {
        if (!holds(value.name, value.description)) continue;
        const range = rangeText(value, field.bits);
        found.push({
          name: `${full}.${field.name}`,
          what: `value ${range} ${value.name}`,
          description: value.description ?? '',
        });
      }
    }
  }
  const left = found.length - most;
  return {
    kind: 'table',
    ...(left > 0 && { title: `the first ${most} of ${found.length}` }),
    columns: [
      { key: 'name', header: 'name' },
      { key: 'what', header: 'what' },
      { key: 'description', header: 'description', shrink: true },
    ],
    rows: found.slice(0, most).map(({ name, ...rest }) => ({ name: [{ text: name, role: 'name' }], ...rest })),
    empty:
      registers.length === 0
        ? 'no register map is loaded: regs load FILE loads one'
        : `nothing holds "${words.join(' ')}"`,
    data: found,
  };
}

/** The peripherals of a CMSIS-SVD file. */
export function peripheralsView(
  device: SvdDevice,
  chosen: readonly SvdPeripheral[],
  counts: (of: SvdPeripheral) => number,
): TableView {
  const about = [device.vendor, device.description, device.cpu].filter((text) => text !== undefined);
  return {
    kind: 'table',
    title: `${device.name}${about.length === 0 ? '' : `: ${about.join(', ')}`}`,
    columns: [
      { key: 'name', header: 'peripheral' },
      { key: 'address', header: 'bus address', align: 'right' },
      { key: 'size', header: 'bytes', align: 'right' },
      { key: 'registers', header: 'registers', align: 'right' },
      { key: 'interrupts', header: 'interrupts' },
      { key: 'description', header: 'description', shrink: true },
    ],
    rows: chosen.map((one) => ({
      name: [{ text: one.name, role: 'name' }],
      address: [{ text: hex(one.address), role: 'address' }],
      size: one.size === 0 ? '' : hex(one.size),
      registers: String(counts(one)),
      interrupts: one.interrupts.map(({ name, value }) => `${value} ${name}`).join(', '),
      description: peripheralText(one),
    })),
    empty: 'none of its peripherals is called so',
    data: chosen.map((one) => ({ ...one, registers: counts(one) })),
  };
}

function peripheralText({ description = '', derivedFrom, alternate, disableCondition }: SvdPeripheral): string {
  const notes = [
    derivedFrom === undefined ? '' : `as ${derivedFrom}`,
    alternate === undefined ? '' : `at the place of ${alternate}`,
    disableCondition === undefined ? '' : `not to be accessed while ${disableCondition}`,
  ].filter((note) => note !== '');
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}

/** The first problems as lines; `more` is where the others are shown. */
export function problemLines(problems: readonly MapProblem[], more: string): string[] {
  const lines = problems.slice(0, MOST_PROBLEMS).map(({ where, why }) => `${where}: ${why}`);
  const left = problems.length - lines.length;
  return left > 0 ? [...lines, `and ${left} more problems: ${more}`] : lines;
}
