import type { Space } from '../vfio/space.js';
import type { Width } from '../vfio/width.js';
import type { Location } from './arguments/location.js';

/** A field of a register: `bits` bits from bit `low` on. */
export interface Field {
  readonly name: string;
  readonly low: number;
  readonly bits: number;
}

/** One step of a register's path: FIFO[3] is { name: 'FIFO', index: 3 }. */
export interface PathStep {
  readonly name: string;
  readonly index?: number;
}

/** A register as a map knows it. */
export interface RegisterPlace {
  readonly space: string;
  /** Byte offset in its space. */
  readonly offset: number;
  readonly width: Width;
  /** The canonical name without the space, such as 'CTRL'. */
  readonly name: string;
  readonly field?: Field;
}

/** The names that a line can use: what they mean is settled when the line is parsed. */
export interface Names {
  /** The space of that name or alias on the current device. */
  space(name: string): Space | undefined;
  readonly spaceNames: readonly string[];
  /** The space that an offset without one is in (`use`). */
  readonly defaultSpace: Space | undefined;
  /** The register at `path`, in `space` if it was said; a string says why there is none. */
  register(space: string | undefined, path: readonly PathStep[]): RegisterPlace | string;
}

/** What evaluating a line's expressions needs. */
export interface Environment {
  variable(name: string): bigint | undefined;
  /** Reads the device once: [LOCATION]. */
  load(location: Location): bigint;
}

/** What completion may know. None of it touches the device. */
export interface World {
  readonly spaceNames: readonly string[];
  readonly registerNames: readonly string[];
  readonly irqNames: readonly string[];
  readonly variableNames: readonly string[];
  readonly commandNames: readonly string[];
  readonly optionNames: readonly string[];
  /** What can be typed behind an option's name. */
  optionChoices(name: string): readonly string[];
  /** Addresses from sysfs and the simulator's names. */
  deviceNames(): readonly string[];
  /** What lies in `folder`; folders end with a slash. Empty where it cannot be listed. */
  files(folder: string): readonly string[];
}
