import { existsSync } from 'node:fs';
import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import type { Caution } from '../registers/caution.js';
import { numberOf } from '../registers/notation.js';
import type { CautionDescription } from './description.js';
import { regionOf, shippedMap, writtenMap } from './map-of.js';
import type { Profile } from './resolve.js';

/** A profile in force on a device. */
export interface AppliedProfile extends Profile {
  /** What of it could not be used on this device: a sentence each. */
  readonly problems: readonly string[];
  /** Takes everything that it brought away again. */
  withdraw(): void;
}

/**
 * Gives `device` the names, register maps and cautions of `profile`. Touches no device. What does not fit the device is left out and is one
 * of the problems; rejects with VfioError where a register map cannot be read at all, and leaves the device as it was then.
 */
export async function applyProfile(device: Device, profile: Profile): Promise<AppliedProfile> {
  const problems: string[] = [];
  const undo: (() => void)[] = [];
  const withdraw = (): void => {
    for (const one of undo.splice(0).toReversed()) one();
  };
  /** Does `one`, and keeps why it cannot be done. */
  const attempt = (one: () => () => void): void => {
    try {
      undo.push(one());
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      problems.push(error.message);
    }
  };
  try {
    for (const [region, names] of profile.regions) {
      for (const name of names) attempt(() => device.nameRegion(device.region(region), name));
    }
    for (const [irq, names] of profile.interrupts) {
      for (const name of names) attempt(() => device.irqs.nameIrq(device.irqs.find(irq), name));
    }
    for (const { profile: of, isShipped, source } of profile.registers) {
      const made = isShipped ? shippedMap(source, of, device) : await writtenMap(source, of, device);
      if (typeof made === 'string') {
        problems.push(made);
        continue;
      }
      if ('make' in made) device.registers.addLater(made.name, made.make);
      else device.registers.add(made.map);
      problems.push(...made.problems);
      undo.push(() => device.registers.remove(made.name));
    }
    const cautions = profile.cautions.flatMap((one) => {
      const found = cautionOf(one, device);
      if (typeof found === 'string') problems.push(found);
      return typeof found === 'string' ? [] : [found];
    });
    // Those of a profile that ships are there: the tests have seen them.
    for (const [name, { file }] of profile.file === undefined ? [] : profile.scripts) {
      if (file !== undefined && !existsSync(file)) problems.push(`script ${name}: there is no file ${file}`);
    }
    if (cautions.length > 0) undo.push(device.registers.addCautions(cautions));
  } catch (error) {
    withdraw();
    throw error;
  }
  return { ...profile, problems, withdraw };
}

function cautionOf({ space, offset = 0, size, reason }: CautionDescription, device: Device): Caution | string {
  const region = regionOf(device, space);
  if (typeof region === 'string') return `a caution: ${region}`;
  const start = numberOf(offset);
  const length = size === undefined ? undefined : numberOf(size);
  if (typeof start === 'string' || typeof length === 'string') return `a caution of ${space}: a number is wrong`;
  const end = length === undefined ? region.size : Number(start + length);
  const what = `a caution of ${space} at 0x${start.toString(16)}`;
  // A region of no bytes is one that this device lacks.
  if (Number(start) >= region.size && region.size > 0)
    return `${what}: it is past the end of ${region.name} (0x${region.size.toString(16)} bytes)`;
  if (length === 0n) return `${what}: its size is 0, so that it warns of nothing`;
  return { space: region.name, start: Number(start), end, reason };
}
