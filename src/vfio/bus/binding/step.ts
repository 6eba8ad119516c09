import { join } from 'node:path';
import { shellWord } from '../../shell-word.js';
import type { Roots } from '../roots.js';
import type { BindingState, Place } from './binding-state.js';

/** One write to sysfs: what, where, what for, and how it is known to have worked. Plans and undoings are made of these. */
export interface Step {
  readonly device: Place;
  readonly action: 'override' | 'unbind' | 'bind' | 'probe' | 'new_id' | 'remove_id';
  /** The file that is written. */
  readonly file: string;
  /** What is written, in one write. */
  readonly bytes: string;
  readonly why: string;
  /** What sysfs must read for the device afterwards; a part that is absent is not looked at. */
  readonly expect: Partial<BindingState>;
  /** The command that undoes it; empty where there is nothing to undo. */
  readonly undo: string;
  /**
   * Made only where the driver had (`known`) or had not (`added`) the dynamic id that a step before asked it to learn, or where that made it take
   * this device as well (`taken`).
   */
  readonly when?: 'known' | 'added' | 'taken';
}

/** A step as the shell command that does the same: 'echo vfio-pci > /sys/...'. */
export function stepCommand({ file, bytes }: Pick<Step, 'file' | 'bytes'>): string {
  const word = bytes.trimEnd();
  return `echo ${word === '' ? '' : `${shellWord(word)} `}> ${shellWord(file)}`;
}

export function overrideFile({ bus, name }: Place, roots: Roots): string {
  return join(roots.sys, 'bus', bus, 'devices', name, 'driver_override');
}

/** A file of a driver's directory: bind, unbind, new_id, remove_id. */
export function driverFile(bus: string, driver: string, file: string, roots: Roots): string {
  return join(roots.sys, 'bus', bus, 'drivers', driver, file);
}

/** Lets no driver but `to` take the device; null lets any. The newline alone clears it: the kernel is not called for no bytes. */
export function overrideStep(device: Place, from: string | null, to: string | null, roots: Roots): Step {
  const file = overrideFile(device, roots);
  return {
    device,
    action: 'override',
    file,
    bytes: `${to ?? ''}\n`,
    why: to === null ? 'any driver may take the device again' : `no driver but ${to} may take the device`,
    expect: { override: to },
    undo: stepCommand({ file, bytes: `${from ?? ''}\n` }),
  };
}

export function unbindStep(device: Place, driver: string, roots: Roots): Step {
  return {
    device,
    action: 'unbind',
    file: driverFile(device.bus, driver, 'unbind', roots),
    bytes: `${device.name}\n`,
    why: `${driver} lets go of the device`,
    expect: { driver: null },
    undo: stepCommand({ file: driverFile(device.bus, driver, 'bind', roots), bytes: device.name }),
  };
}

/** The driver's own `bind` and not `drivers_probe`: it asks this driver alone, and it answers with the errno of the driver's probe. */
export function bindStep(device: Place, driver: string, roots: Roots): Step {
  return {
    device,
    action: 'bind',
    file: driverFile(device.bus, driver, 'bind', roots),
    bytes: `${device.name}\n`,
    why: `${driver} takes the device`,
    expect: { driver },
    undo: stepCommand({ file: driverFile(device.bus, driver, 'unbind', roots), bytes: device.name }),
  };
}

/** Takes a dynamic id away. That the driver does not know it (ENODEV) is as good. */
export function removeIdStep(device: Place, { file, bytes }: Pick<Step, 'file' | 'bytes'>): Step {
  return {
    device,
    action: 'remove_id',
    file,
    bytes,
    why: 'the driver is to take no further devices of that kind',
    expect: {},
    undo: '',
  };
}

/** The bus looks for a driver by itself; `driver`, where it is known which it must be. */
export function probeStep(device: Place, driver: string | undefined, roots: Roots): Step {
  return {
    device,
    action: 'probe',
    file: join(roots.sys, 'bus', device.bus, 'drivers_probe'),
    bytes: `${device.name}\n`,
    why: driver === undefined ? 'the kernel looks for a driver for the device' : `${driver} takes the device`,
    expect: driver === undefined ? {} : { driver },
    undo: '',
  };
}
