import { resetOf } from './decode.js';
import { type FieldAssignment, isNamed, maskOf } from './field-value.js';
import type { Known } from './history.js';
import type { FieldDescription, Register } from './register-map.js';
import { isWritable, neutralOf, type Part, partsOf } from './write-rules.js';

/** Bits of a register that are to be written. */
export interface BitsToWrite {
  readonly mask: bigint;
  /** Within the mask. */
  readonly value: bigint;
}

/** How one write changes some bits of a register and leaves the others as they are, as far as their access lets it. */
export interface WritePlan extends BitsToWrite {
  /** Bits that keep what one read before the write brings; without any, nothing is read. */
  readonly keep: bigint;
  /** What all other bits are written as. */
  readonly base: bigint;
  /** What else is to be said of it, as sentences without a full stop. */
  readonly notes: readonly string[];
}

/** Why there is no such write, and what to try. */
export interface Refused {
  readonly why: string;
  readonly hint: string;
}

export interface WriteOptions {
  /** Tells what of the register's bits is known to be as it is, without a read. */
  readonly known: () => Known;
  /** Why reading the register is not harmless, where it is not. */
  readonly unreadable?: string | undefined;
  /** Reads and writes all the same what the map speaks against. */
  readonly force: boolean;
}

/** The bits of assignments, together. */
export function bitsOf(assignments: readonly FieldAssignment[]): BitsToWrite {
  let [mask, value] = [0n, 0n];
  for (const { field, value: each } of assignments) {
    mask |= maskOf(field);
    value |= each << BigInt(field.low);
  }
  return { mask, value };
}

/** Why these fields cannot be written with these values, if so: read-only ones, values that the map does not allow. */
export function refusedFields(assignments: readonly FieldAssignment[]): Refused | undefined {
  for (const { field, value } of assignments) {
    if (!isWritable(field)) {
      const why = `${field.name} is ${field.access === 'ro' ? 'read-only' : 'reserved'}`;
      return { why, hint: 'leave it out, or --force writes it all the same' };
    }
    const wrong = refusedValue(field, value);
    if (wrong !== undefined) return { why: wrong, hint: 'give another value, or --force writes it all the same' };
  }
  return undefined;
}

function refusedValue({ name, constraint, values }: FieldDescription, value: bigint): string | undefined {
  if (constraint === undefined) return undefined;
  const hex = `0x${value.toString(16)}`;
  switch (constraint.kind) {
    case 'as-read':
      return `${name} is to be written as it is read`;
    case 'range':
      if (value >= constraint.from && value <= constraint.to) return undefined;
      return `${name} may be 0x${constraint.from.toString(16)} to 0x${constraint.to.toString(16)}, not ${hex}`;
    case 'enumerated': {
      const known = values.filter(({ usage, isDefault }) => usage !== 'read' && isDefault !== true);
      if (known.some((one) => isNamed(value, one))) return undefined;
      return `${name} may only be one of ${known.map((one) => one.name).join(', ')}, not ${hex}`;
    }
  }
}

/**
 * Works out the one write, and whether one read has to come before it. Bits that are not in `bits` stay what they are: those that store
 * are read, or taken from what is known where reading is not to be; those that ones (or zeros) act on are written as zeros (or
 * ones); those that nothing can be written to are written as they are read, or as a reset leaves them.
 */
export function planWrite(register: Register, bits: BitsToWrite, options: WriteOptions): WritePlan | Refused {
  const { force, unreadable } = options;
  const others = neighboursOf(register, bits.mask);
  const [acting] = others.acting;
  if (acting !== undefined && !force) {
    const does = acting.writeEffect === 'clear' ? 'clears' : 'sets';
    return { why: `any write ${does} ${acting.name}`, hint: 'name it as well, or --force writes it all the same' };
  }
  const { kept } = others;
  let { base, notes } = others;
  // A field that starts something is not to be started again; a register of which nothing can be read is as it was written.
  const order = isWriteOnly(register) ? (['seen', 'reset'] as const) : (['reset', 'seen'] as const);
  const hidden = others.writeOnly;
  if (hidden.mask !== 0n) {
    const taken = knownWithout(register, hidden.mask, options, order);
    if (taken === undefined && !force)
      return {
        why: `${hidden.names} can only be written: its value is not known`,
        hint: `give ${hidden.names} as well`,
      };
    base = (base & ~hidden.mask) | (taken?.value ?? 0n);
    notes = [...notes, taken?.note ?? `${hidden.names} as zeros`];
  }
  // For V8 a spread costs next to nothing behind the other properties, and a microsecond in front of them.
  if (kept.mask === 0n) return { keep: 0n, base, notes, ...bits };
  const keep = kept.mask | others.inert;
  if (unreadable === undefined || force) return { keep, base: base & ~keep, notes, ...bits };
  const seen = knownWithout(register, kept.mask, options, ['seen']);
  if (seen !== undefined)
    return { keep: 0n, base: (base & ~kept.mask) | seen.value, notes: [...notes, seen.note], ...bits };
  return {
    why: `${unreadable}, and ${kept.names} would have to be read to stay`,
    hint: `name ${kept.names} as well, or --force reads the register`,
  };
}

/** Bits with the names of the fields that they are of. */
interface Group {
  readonly mask: bigint;
  readonly names: string;
}

/** The bits of a register beside those that are written, by what has to become of them. */
interface Neighbours {
  /** Stored by a write, and readable. */
  readonly kept: Group;
  /** Stored by a write, and not readable. */
  readonly writeOnly: Group;
  /** Nothing can be written to them. */
  readonly inert: bigint;
  /** What is written without a look: as fields that ones or zeros act on are left alone, and as a reset leaves the others. */
  readonly base: bigint;
  /** Fields that any write acts on, and that are not to be written. */
  readonly acting: readonly Part[];
  /** What is to be said of all that. */
  readonly notes: readonly string[];
}

const remembered = new WeakMap<Register, { readonly written: bigint; readonly neighbours: Neighbours }>();

/** What stands beside the bits `written`. The last answer for a register is kept: scripts write the same bits again and again. */
function neighboursOf(register: Register, written: bigint): Neighbours {
  const last = remembered.get(register);
  if (last?.written === written) return last.neighbours;
  const neighbours = neighboursIn(register, written);
  remembered.set(register, { written, neighbours });
  return neighbours;
}

function neighboursIn(register: Register, written: bigint): Neighbours {
  const parts = partsOf(register).filter(({ mask }) => (mask & ~written) !== 0n);
  const group = (members: readonly Part[]): Group => ({
    mask: members.reduce((mask, part) => mask | part.mask, 0n) & ~written,
    names: members.map(({ name }) => name).join(', '),
  });
  const writable = parts.filter(isWritable);
  const neutral = writable.filter((part) => neutralOf(part) !== undefined);
  const stored = writable.filter(({ writeEffect }) => writeEffect === 'modify');
  const asRead = parts.filter((part) => !isWritable(part) && part.constraint?.kind === 'as-read');
  const hidden = stored.filter(isWriteOnly);
  const reset = resetOf(register);
  const ones = neutral.reduce((value, part) => value | (neutralOf(part) ?? 0n), 0n);
  return {
    kept: group([...stored.filter((part) => !isWriteOnly(part)), ...asRead]),
    writeOnly: group(hidden),
    // A field that is read may share its bits with one that is written there.
    inert: group(parts.filter((part) => !isWritable(part))).mask & ~group(writable).mask,
    base: (reset.value & reset.known & ~written & ~group(neutral).mask) | (ones & ~written),
    acting: writable.filter(
      (part) => part.writeEffect !== 'modify' && neutralOf(part) === undefined && (part.mask & written) === 0n,
    ),
    notes: notesOn(register, neutral),
  };
}

function notesOn(register: Register, neutral: readonly Part[]): string[] {
  const notes: string[] = [];
  for (const effect of new Set(neutral.map(({ writeEffect }) => writeEffect))) {
    const names = neutral.filter(({ writeEffect }) => writeEffect === effect).map(({ name }) => name);
    const digits = effect.startsWith('w0') ? 'ones' : 'zeros';
    notes.push(
      `${names.join(', ')} as ${digits}, which ${names.length === 1 ? 'leaves it' : 'leave them'} as ${names.length === 1 ? 'it is' : 'they are'} (${effect})`,
    );
  }
  const once = partsOf(register).filter(({ access }) => access === 'rw-once' || access === 'wo-once');
  if (once.length > 0)
    notes.push(`only the first write after a reset counts for ${once.map(({ name }) => name).join(', ')}`);
  return notes;
}

/** Whether nothing of it can be read. */
function isWriteOnly({ access }: Pick<Part, 'access'>): boolean {
  return access === 'wo' || access === 'wo-once';
}

/** Values for `mask` that come without a read, from the first of the sources that has them: what was last seen, or what a reset leaves. */
function knownWithout(
  register: Register,
  mask: bigint,
  { known }: WriteOptions,
  sources: readonly ('seen' | 'reset')[],
): { readonly value: bigint; readonly note: string } | undefined {
  const fields = register.fields.filter((field) => (maskOf(field) & mask) !== 0n);
  const names = fields.map(({ name }) => name).join(', ') || register.path;
  const reset = resetOf(register);
  for (const source of sources) {
    const from = source === 'seen' ? known() : { value: reset.value, mask: reset.known };
    if ((mask & ~from.mask) !== 0n) continue;
    const value = from.value & mask;
    const how = source === 'seen' ? 'last seen' : 'after a reset';
    return { value, note: `${names} as ${how}: 0x${value.toString(16).padStart(register.width / 4, '0')}` };
  }
  return undefined;
}

/** What is written, once the register's value before is known; 0 where nothing had to be read. */
export function composed({ mask, value, keep, base }: WritePlan, old: bigint): bigint {
  return (base & ~mask & ~keep) | (old & keep) | value;
}

/** Why the register may not have this value, if so. */
export function refusedWord({ path, constraint }: Register, word: bigint): string | undefined {
  if (constraint?.kind !== 'range' || (word >= constraint.from && word <= constraint.to)) return undefined;
  return `${path} may be 0x${constraint.from.toString(16)} to 0x${constraint.to.toString(16)}, not 0x${word.toString(16)}`;
}
