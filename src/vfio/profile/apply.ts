import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import type { Region } from '../region.js';
import type { Caution } from '../registers/caution.js';
import { registerMapOf } from '../registers/map-format.js';
import { numberOf } from '../registers/notation.js';
import { type RegisterMap, registersIn } from '../registers/register-map.js';
import type { CautionDescription, RegisterSource } from './description.js';
import { isFile, type Profile } from './resolve.js';

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
      const map = await mapOf(source, `profile ${of}`, device);
      if (typeof map === 'string') {
        problems.push(map);
        continue;
      }
      const { name, make } = map;
      if (isShipped) device.registers.addLater(name, make);
      else {
        const made = make();
        problems.push(...made.problems.map(({ where, why }) => `${where}: ${why}`), ...outside(made, device));
        device.registers.add(made);
      }
      undo.push(() => device.registers.remove(name));
    }
    const cautions = profile.cautions.flatMap((one) => {
      const found = cautionOf(one, device);
      if (typeof found === 'string') problems.push(found);
      return typeof found === 'string' ? [] : [found];
    });
    if (cautions.length > 0) undo.push(device.registers.addCautions(cautions));
  } catch (error) {
    withdraw();
    throw error;
  }
  return { ...profile, problems, withdraw };
}

/** A region by its name or an alias; text where the device has none. */
function regionOf(device: Device, name: string): Region | string {
  try {
    return device.region(name);
  } catch (error) {
    if (error instanceof VfioError) return error.message;
    throw error;
  }
}

/** What makes the map; text where the device has no such region. */
async function mapOf(
  source: RegisterSource,
  origin: string,
  device: Device,
): Promise<{ readonly name: string; make: () => RegisterMap } | string> {
  if (isFile(source)) throw new VfioError({ kind: 'unsupported', operation: `read ${source.file}`, why: 'not yet' });
  const region = regionOf(device, source.space ?? 'region0');
  if (typeof region === 'string') return `${source.name}: ${region}`;
  return { name: source.name, make: () => registerMapOf(source, { origin, space: region.name }) };
}

/** What a map says of places that the device does not have: it is not the map of this device, or of another revision. */
function outside(map: RegisterMap, device: Device): string[] {
  const beyond = [...registersIn(map.children)].filter(({ space, offset, width }) => {
    const region = regionOf(device, space);
    return typeof region === 'string' || offset + width / 8 > region.size;
  });
  const [first] = beyond;
  if (first === undefined) return [];
  const others = beyond.length === 1 ? '' : ` and ${beyond.length - 1} more`;
  return [
    `${map.name}: ${first.space}.${first.path}${others} lie${beyond.length === 1 ? 's' : ''} past the end of ${first.space}`,
  ];
}

function cautionOf({ space, offset = 0, size, reason }: CautionDescription, device: Device): Caution | string {
  const region = regionOf(device, space);
  if (typeof region === 'string') return `a caution: ${region}`;
  const start = numberOf(offset);
  const length = size === undefined ? undefined : numberOf(size);
  if (typeof start === 'string' || typeof length === 'string') return `a caution of ${space}: a number is wrong`;
  const end = length === undefined ? region.size : Number(start + length);
  return { space: region.name, start: Number(start), end, reason };
}
