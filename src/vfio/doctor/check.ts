import type { BusDevice } from '../bus/bus-device.js';
import type { Meaning } from '../errors.js';
import type { Roots } from '../bus/roots.js';

/** 'skip': it does not apply, or there is nothing to look at. */
export type Verdict = 'pass' | 'warn' | 'fail' | 'skip';

export interface Finding {
  readonly verdict: Verdict;
  /** What was found, in words; of what is skipped, why. */
  readonly found: string;
  /** What to do about it: a command, or a parameter. */
  readonly remedy?: string;
}

/** Where the checks look. None of them opens a device or reads anything that reaches one: sysfs, /proc and the rights to nodes in /dev alone. */
export interface Scene {
  readonly roots: Roots;
  /** The device that is to be opened; without one, the machine alone is looked at. */
  readonly device?: BusDevice;
  /** Whether this process may open a file for reading and writing. */
  readonly mayOpen: (path: string) => boolean;
  /** The folder where `bind` writes down what it does. */
  readonly bindings: string;
}

/** One thing that has to be as VFIO needs it. */
export interface Check {
  readonly name: string;
  /** The machine, or the device: those of a device are made only where there is one. */
  readonly about: 'machine' | 'device';
  /** The files that it reads, for whoever wants to look for himself. */
  looksAt(scene: Scene): readonly string[];
  examine(scene: Scene): Finding;
}

/** A check of a device, which gets it. */
export function deviceCheck(check: {
  readonly name: string;
  looksAt(device: BusDevice, scene: Scene): readonly string[];
  examine(device: BusDevice, scene: Scene): Finding;
}): Check {
  return {
    name: check.name,
    about: 'device',
    looksAt: (scene) => (scene.device === undefined ? [] : check.looksAt(scene.device, scene)),
    examine: (scene) => (scene.device === undefined ? skip('no device is given') : check.examine(scene.device, scene)),
  };
}

export function pass(found: string): Finding {
  return { verdict: 'pass', found };
}

export function skip(found: string): Finding {
  return { verdict: 'skip', found };
}

export function warn(found: string, remedy?: string): Finding {
  return remedy === undefined ? { verdict: 'warn', found } : { verdict: 'warn', found, remedy };
}

/** A failure, in the words in which opening the device would give it. */
export function fail({ why, hint }: Pick<Meaning, 'why' | 'hint'>): Finding {
  return hint === undefined ? { verdict: 'fail', found: why } : { verdict: 'fail', found: why, remedy: hint };
}
