import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import { composed, planWrite, refusedFields, refusedWord, type WritePlan } from '../registers/field-write.js';
import { valueIn } from '../registers/field-value.js';
import { historyOf, type Known } from '../registers/history.js';
import { selectRegisters } from '../registers/lookup.js';
import type { Register } from '../registers/register-map.js';
import { whyUnread } from '../registers/why-unread.js';
import { isWritable, neutralOf, type Part, partsOf } from '../registers/write-rules.js';
import type { RegisterSet } from '../registers/register-set.js';
import type { Space } from '../space.js';
import { bytesOf } from '../width.js';
import type { Described } from './described.js';
import { type Image, valueOf } from './image.js';

/** A register that can be brought back to what it was. */
export interface RestoreStep {
  readonly register: Register;
  readonly space: Space;
  /** What the snapshot has. */
  readonly value: bigint;
  /** The bits that a write brings back: those that store what is written, and can be read. */
  readonly mask: bigint;
  readonly plan: WritePlan;
}

/** A register that stays as it is, and why. */
export interface RestoreSkip {
  readonly register: Register;
  readonly reason: string;
}

export interface RestorePlan {
  /** In the order in which they are written. */
  readonly steps: readonly RestoreStep[];
  readonly skips: readonly RestoreSkip[];
  /** Registers that nothing can be written to. */
  readonly readOnly: number;
  /** Patterns of the order that no register of the device has. */
  readonly unknown: readonly string[];
  /** Registers of the config space that were left out: how a device sits on its bus is no state of the device. */
  readonly config: number;
}

/**
 * Which registers of `device`, of those that are `described`, can be brought back to what `image` has, in the order of the profile, or else
 * of the maps. Those that the profile does not list stay as they are, and those of the config space, unless they are `named`, which
 * leaves all others out. Worked out from descriptions: nothing is read.
 */
export function planRestore(
  device: Device,
  image: Image,
  described: Described,
  named?: readonly Register[],
): RestorePlan {
  const { registers: known, restore } = described;
  const steps: RestoreStep[] = [];
  const skips: RestoreSkip[] = [];
  let [readOnly, config] = [0, 0];
  const chosen = named !== undefined || restore !== undefined;
  const history = historyOf(device);
  history.update();
  for (const register of inOrder(device, described, named)) {
    if (!chosen && register.space === device.config?.name) {
      config += 1;
      continue;
    }
    const found = stepOf(device, image, known, register);
    if (found === 'read-only') readOnly += 1;
    else if (typeof found === 'string') skips.push({ register, reason: found });
    else steps.push(found);
  }
  const unknown = (restore ?? []).filter((pattern) => selected(device, known, pattern).length === 0);
  return { steps, skips, readOnly, config, unknown };
}

/** The registers in the order in which they are restored, each place once. */
function inOrder(
  device: Device,
  { registers: known, restore }: Described,
  named: readonly Register[] | undefined,
): Register[] {
  const listed = restore?.flatMap((pattern) => selected(device, known, pattern));
  const wanted = named === undefined ? undefined : new Set(named);
  const all = wanted === undefined ? (listed ?? known.registers) : [...(listed ?? []), ...known.registers];
  const chosen = all.filter((register) => wanted === undefined || wanted.has(register));
  return [...new Set(chosen)].filter(({ alternate }) => alternate !== true);
}

/** The registers that a pattern of a profile names, with or without their space. */
function selected(device: Device, known: RegisterSet, pattern: string): readonly Register[] {
  const dot = pattern.indexOf('.');
  const space = device.findSpace(dot < 0 ? pattern : pattern.slice(0, dot))?.name;
  if (space === undefined) return selectRegisters(known, pattern);
  return selectRegisters(known, dot < 0 ? '*' : pattern.slice(dot + 1), space);
}

/** The step that restores a register, or why there is none. */
function stepOf(device: Device, image: Image, known: RegisterSet, register: Register): RestoreStep | string {
  const { offset, width } = register;
  const parts = partsOf(register);
  if (!parts.some(isWritable)) return 'read-only';
  const place = { ...register, register };
  const unread = whyUnread(known, place) ?? whyUnread(device.registers, place);
  if (unread !== undefined) return unread;
  if (register.access === 'rw-once') return 'only the first write after a reset counts';
  const acting = parts.find(
    (part) => isWritable(part) && part.writeEffect !== 'modify' && neutralOf(part) === undefined,
  );
  if (acting !== undefined) return `any write ${acting.writeEffect === 'clear' ? 'clears' : 'sets'} ${acting.name}`;
  const neighbour = actingNeighbour(known, register);
  if (neighbour !== undefined) return `a write acts on ${neighbour.path}, which is at the same place`;
  const stored = parts.filter(isStored);
  const mask = stored.reduce((bits, part) => bits | part.mask, 0n);
  if (mask === 0n) return `${effectText(parts)}: writing does not bring a value back`;
  const value = valueOf(image, register);
  if (value === undefined) return missingReason(image, register);
  const space = device.findSpace(register.space);
  if (space === undefined) return `the device has no ${register.space}`;
  if (!space.writable) return `${space.name} is read-only`;
  if (offset + bytesOf(width) > space.size) return `past the end of ${space.name}`;
  const fields = stored.flatMap(({ field }) => (field === undefined ? [] : [{ field, value: valueIn(value, field) }]));
  const refused = refusedFields(fields)?.why ?? refusedWord(register, value);
  if (refused !== undefined) return refused;
  const seen = (): Known => historyOf(device).current(space.name, offset, width);
  const plan = planWrite(register, { mask, value: value & mask }, { known: seen, force: false });
  return 'why' in plan ? plan.why : { register, space, value, mask, plan };
}

/** Another register with bytes of this one, of which a write does more than store what is written. */
function actingNeighbour(known: RegisterSet, register: Register): Register | undefined {
  const { space, offset, width } = register;
  const acts = (part: Part): boolean => isWritable(part) && (part.writeEffect !== 'modify' || part.access === 'wo');
  return known
    .registersIn(space, offset, offset + bytesOf(width))
    .find((other) => other.path !== register.path && partsOf(other).some(acts));
}

/** Whether a write stores the bits, for good and for a read to show. */
function isStored({ access, writeEffect, constraint }: Part): boolean {
  return access === 'rw' && writeEffect === 'modify' && constraint?.kind !== 'as-read';
}

function effectText(parts: readonly Part[]): string {
  const effects = new Set(
    parts.filter(isWritable).map(({ access, writeEffect }) => (writeEffect === 'modify' ? access : writeEffect)),
  );
  return [...effects].join(', ');
}

function missingReason({ regions }: Image, { space, offset, width }: Register): string {
  const region = [...regions.values()].find(({ name }) => name === space);
  const gap = region?.missing.find(({ start, end }) => start < offset + bytesOf(width) && end > offset);
  return `not in the snapshot${gap === undefined ? '' : ` (${gap.reason})`}`;
}

/** What became of a step. */
export interface Restored {
  readonly step: RestoreStep;
  /** What was there before; undefined where it could not be read. */
  readonly old?: bigint;
  /** What was written; undefined where it was as it should be. */
  readonly written?: bigint;
  /** Why it could not be done. */
  readonly error?: VfioError;
}

/** Reads a register by one access, and writes it by one where it differs. Throws VfioError where the device is gone. */
export function restoreStep(step: RestoreStep): Restored {
  const { register, space, value, mask, plan } = step;
  const { width, offset } = register;
  let old: bigint | undefined;
  try {
    old = BigInt(space.read(width, offset));
    if ((old & mask) === (value & mask)) return { step, old };
    const written = composed(plan, old);
    space.write(width, offset, width === 64 ? written : Number(written));
    return { step, old, written };
  } catch (error) {
    if (!(error instanceof VfioError) || (error.kind !== 'access' && error.kind !== 'unsupported')) throw error;
    return { step, ...(old !== undefined && { old }), error };
  }
}
