import type { Width } from '../width.js';
import type { AccessKind } from './access-word.js';
import { type FieldInput, check, fieldSchema, nameIn, valueSchema } from './map-schema.js';
import { clip, numberOf, valueRangeOf } from './notation.js';
import { misplaced } from './register-sketch.js';
import type { FieldDescription, NamedValue, ReadEffect, WriteConstraint, WriteEffect } from './register-map.js';

interface FieldContext {
  readonly width: Width;
  /** What the register is, and so its fields where they say nothing. */
  readonly kind: AccessKind;
  report(field: string, wrong: readonly string[]): void;
}

interface EffectInput {
  readonly access?: AccessKind | undefined;
  readonly writeEffect?: WriteEffect | undefined;
  readonly readEffect?: ReadEffect | undefined;
  readonly writes?: 'as-read' | 'named' | readonly [bigint, bigint] | undefined;
}

/** An access word and the effects beside it, as one. */
export function effectsOf(input: EffectInput, inherited: AccessKind): AccessKind {
  const kind = input.access ?? inherited;
  const readEffect = input.readEffect ?? kind.readEffect;
  return {
    access: kind.access,
    writeEffect: input.writeEffect ?? kind.writeEffect,
    ...(readEffect !== undefined && { readEffect }),
  };
}

export function constraintOf({ writes }: EffectInput): WriteConstraint | undefined {
  if (writes === undefined) return undefined;
  if (writes === 'as-read') return { kind: 'as-read' };
  return writes === 'named' ? { kind: 'enumerated' } : { kind: 'range', from: writes[0], to: writes[1] };
}

/** The fields of a register, arrays of them laid out. What cannot be used is reported and left out. */
export function fieldsOf(list: readonly unknown[], context: FieldContext): FieldDescription[] {
  const taken = new Set<string>();
  return list.flatMap((data, index) => {
    const { output, wrong } = check(fieldSchema, data);
    const title = nameIn(data) ?? `fields[${index}]`;
    context.report(title, wrong);
    if (output === undefined) return [];
    const labels = labelsOf(output, context.width);
    if (typeof labels === 'string') {
      context.report(title, [labels]);
      return [];
    }
    const { low, bits } = output.bits;
    const constraint = constraintOf(output);
    const rest = {
      bits,
      ...effectsOf(output, context.kind),
      values: valuesOf(output.values ?? [], bits, (what) => context.report(title, what)),
      ...(constraint !== undefined && { constraint }),
      ...(output.description !== undefined && { description: output.description }),
    };
    return labels.flatMap((name, at) => {
      const field = { name, low: low + at * (output.stride ?? bits), ...rest };
      const why = misplaced(field, context.width, taken);
      if (why !== undefined) context.report(name, [why]);
      else taken.add(name);
      return why === undefined ? [field] : [];
    });
  });
}

/** The names of the fields that one entry stands for. */
function labelsOf({ name, count, names }: FieldInput, width: Width): readonly string[] | string {
  if (name === undefined && names === undefined) return '"name" is missing';
  if (count === undefined && names === undefined)
    return name === undefined || name.includes('%') ? 'the %s in the name needs a count, or names' : [name];
  if (names !== undefined && count !== undefined && names.length !== count)
    return `count is ${count}, but there are ${names.length} names`;
  const most = names?.length ?? count ?? 0;
  if (most > width) return `${most} fields do not fit ${width} bits`;
  const labels = names ?? Array.from({ length: most }, (_, index) => String(index));
  if (name?.includes('%s') === true) return labels.map((label) => name.replaceAll('%s', label));
  return names ?? labels.map((label) => `${name ?? ''}${label}`);
}

/** Named values, as { IDLE: 0 } or as a list of objects. */
function valuesOf(
  given: readonly unknown[] | Readonly<Record<string, unknown>>,
  bits: number,
  report: (wrong: readonly string[]) => void,
): NamedValue[] {
  const entries: readonly unknown[] = Array.isArray(given)
    ? given
    : Object.entries(given).map(([name, value]) => ({ name, value }));
  return entries.flatMap((data): NamedValue[] => {
    const { output, wrong } = check(valueSchema, data);
    report(wrong.map((why) => `values: ${why}`));
    if (output === undefined) return [];
    const { name, value, usage = 'both', description } = output;
    const rest = { name, usage, ...(description !== undefined && { description }) };
    if (value === 'default') return [{ ...rest, from: 0n, to: (1n << BigInt(bits)) - 1n, isDefault: true }];
    const range = valueRangeOf(value, bits);
    if (typeof range !== 'string') return [{ ...rest, ...range }];
    // { 0: 'IDLE' } is a slip that everybody makes.
    const turned = typeof numberOf(name) === 'bigint' && typeof value === 'string';
    report([
      turned ? `values: the name comes first: "${clip(value)}": ${clip(name)}` : `values: ${clip(name)}: ${range}`,
    ]);
    return [];
  });
}
