import { describeDevice, type BusName } from '../bus-device.js';
import type { Roots } from '../roots.js';
import { attribute, exists } from '../sysfs.js';

/** A device by its bus and its name there. */
export interface Place {
  readonly bus: BusName;
  readonly name: string;
}

/** Which driver has a device, and which one alone may take it; null where there is none. */
export interface BindingState {
  readonly driver: string | null;
  readonly override: string | null;
}

/** The binding of a device as sysfs shows it; undefined where the device is not there (any more). */
export function bindingOf({ bus, name }: Place, roots: Roots): BindingState | undefined {
  const { path, driver, driverOverride } = describeDevice(bus, name, roots);
  // Asked last: a device that vanishes while it is looked at has vanished.
  return exists(path) ? { driver: driver ?? null, override: driverOverride ?? null } : undefined;
}

export function sameBinding(a: BindingState, b: BindingState): boolean {
  return a.driver === b.driver && a.override === b.override;
}

/** 'bound to e1000e', 'without a driver', with the override where there is one. */
export function bindingText({ driver, override }: BindingState): string {
  const text = driver === null ? 'without a driver' : `bound to ${driver}`;
  return override === null || override === driver ? text : `${text}, with driver_override ${override}`;
}

/** The kernel's name for this run of it: what was done to sysfs before the last boot is undone by that. */
export function bootId(roots: Roots): string {
  return attribute(`${roots.proc}/sys/kernel/random/boot_id`) ?? 'unknown';
}
