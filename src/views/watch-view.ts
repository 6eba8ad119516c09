import type { Width } from '../vfio/width.js';
import { hexValue } from './numbers.js';
import type { Span, View } from './view.js';

/** A value before and after, as text: a field's name, a number. */
export interface Turn {
  readonly name: string;
  readonly old: string;
  readonly new: string;
}

/** One place that is not as it was. */
export interface PlaceChange {
  /** Seconds since the start. */
  readonly time: number;
  /** 'region1.STATUS', 'region0+0x10', 'region1.CTRL.EN'. */
  readonly name: string;
  readonly space: string;
  readonly offset: number;
  readonly width: Width;
  /** Of the field, where one is watched; undefined where it could not be read before. */
  readonly old: bigint | undefined;
  readonly value: bigint | undefined;
  /** How a value is written where it is that of a field. */
  readonly shown?: { readonly old: string; readonly value: string };
  readonly fault?: string;
  /** The fields that changed, where a register is watched. */
  readonly fields: readonly Turn[];
}

/** '    0.300012  region1.STATUS  0x00000000 -> 0x00000001  BUSY 0 -> 1', names padded to `nameWidth`. */
export function changeView(change: PlaceChange, nameWidth: number): View {
  const { name, width, old, value, fault, fields, shown, time } = change;
  const spans: Span[] = [
    { text: `${time.toFixed(6).padStart(12)}  `, role: 'dim' },
    { text: `${name.padEnd(nameWidth)}  `, role: 'name' },
  ];
  if (old !== undefined) spans.push({ text: `${shown?.old ?? hexValue(old, width)} -> `, role: 'value' });
  if (value === undefined) spans.push({ text: fault ?? 'not read', role: 'fault' });
  else spans.push({ text: shown?.value ?? hexValue(value, width), role: 'changed' });
  for (const [index, field] of fields.entries()) {
    const separator = index === 0 ? '  ' : ', ';
    spans.push({ text: `${separator}${field.name} ${field.old} -> ${field.new}`, role: 'plain' });
  }
  const { space, offset } = change;
  const data = { kind: 'change', time, name, space, offset, width, old: json(old, width), value: json(value, width) };
  return {
    kind: 'text',
    lines: [spans],
    data: { ...data, ...(fault !== undefined && { fault }), ...(fields.length > 0 && { fields }) },
  };
}

function json(value: bigint | undefined, width: Width): number | bigint | null {
  if (value === undefined) return null;
  return width === 64 ? value : Number(value);
}
