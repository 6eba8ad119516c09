import type { FieldDescription, Register } from '../vfio/registers/register-map.js';
import type { PathStep } from '../vfio/registers/register-path.js';
import type { RegisterSet } from '../vfio/registers/register-set.js';
import type { Space } from '../vfio/space.js';
import type { Width } from '../vfio/width.js';
import type { Candidate } from './arguments/argument.js';
import type { Location } from './arguments/location.js';

export type { PathStep };

/** Where a register is, and what a map says of it. */
export interface RegisterPlace {
  readonly space: string;
  /** Byte offset in its space. */
  readonly offset: number;
  readonly width: Width;
  /** The canonical name without the space, such as 'CTRL'. */
  readonly name: string;
  /** Its description; absent where only its place is known. */
  readonly register?: Register;
  readonly field?: FieldDescription;
}

/** The names that a line can use: what they mean is settled when the line is parsed. */
export interface Names {
  /** The space of that name or alias on the current device. */
  space(name: string): Space | undefined;
  readonly spaceNames: readonly string[];
  /** The space that an offset without one is in (`use`). */
  readonly defaultSpace: Space | undefined;
  /** The register at `path`, in `space` if it was said; a string says why there is none, in a few words if `terse`. */
  register(space: string | undefined, path: readonly PathStep[], terse?: boolean): RegisterPlace | string;
  /** What the maps of the current device describe. */
  readonly registers: RegisterSet;
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
  /** Registers and fields whose names begin with `typed`, as far as their next step. */
  registerNames(typed: string): readonly Candidate[];
  /** The register at `path`, as it is typed, if the maps know it. */
  registerNamed(path: string): Register | undefined;
  /** Names of the register maps that are loaded. */
  readonly mapNames: readonly string[];
  readonly irqNames: readonly string[];
  readonly variableNames: readonly string[];
  readonly commandNames: readonly string[];
  readonly optionNames: readonly string[];
  /** What can be typed behind an option's name. */
  optionChoices(name: string): readonly string[];
  /** Addresses from sysfs and the simulator's names. */
  deviceNames(): readonly string[];
  /** The blob that device trees are looked up in (the option dtb); 'kernel' is the running kernel's tree. */
  readonly deviceTree: string;
  /** The scripts of the profile of the device. */
  readonly scripts: readonly { readonly name: string; readonly summary?: string }[];
  /** Names of profiles: the user's and those that ship with the tool. */
  profileNames(): readonly string[];
  /** What lies in `folder`; folders end with a slash. Empty where it cannot be listed. */
  files(folder: string): readonly string[];
}
