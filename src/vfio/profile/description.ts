import type { MapDescription, Numeric } from '../registers/map-description.js';
import type { Match } from './match.js';

/**
 * A device profile as a person writes it: what is specific to a kind of device. A file of JSON holds one object of this shape, a module
 * (.mjs) exports one by default. A file that holds no more than a match and a register map is a good profile.
 */
export interface ProfileDescription {
  readonly format?: 'vfiodbg-profile';
  /** By default the file's name without its extension. */
  readonly name?: string;
  /** What the device is, in one line. */
  readonly title?: string;
  /** Where its facts are from: the datasheet, a specification's section. */
  readonly source?: string;
  /** The devices that it is for: one of these has to fit. Without any it is used only where it is named. */
  readonly match?: Match | readonly Match[];
  /** Profiles whose registers, cautions and scripts it has as well: 'pci'. */
  readonly includes?: readonly string[];
  /** Further names of regions: { region0: 'ctrl' }, by the names that regions have without a profile. */
  readonly regions?: Readonly<Record<string, string | readonly string[]>>;
  /** Further names of interrupts: { irq0: 'rx-done' }. */
  readonly interrupts?: Readonly<Record<string, string | readonly string[]>>;
  readonly registers?: RegisterSource | readonly RegisterSource[];
  readonly cautions?: readonly CautionDescription[];
  /** The registers that `restore` writes, in this order and no others; `*` stands for any text: ['CTRL', 'CH[*].CFG']. */
  readonly restore?: readonly string[];
  /** What a virtual machine's device tree says of the device. */
  readonly guest?: GuestDescription;
  /** Scripts by the names by which `run` knows them. */
  readonly scripts?: Readonly<Record<string, ScriptDescription>>;
  /** The processor whose instructions lie in its memory, for `disasm`. */
  readonly architecture?: string;
  /** What else somebody with this device should know, a sentence each. */
  readonly notes?: readonly string[];
}

/** A register map: in the own format, from a file of it, or from a peripheral of a CMSIS-SVD file. */
export type RegisterSource = MapDescription | RegisterFile;

export interface RegisterFile {
  /** A file of the own format (.json) or of CMSIS-SVD (.svd), as seen from the profile's folder. */
  readonly file: string;
  /** Which peripheral of a CMSIS-SVD file that has several. */
  readonly peripheral?: string;
  /** Of a region that is a window of the chip's bus: the bus address at its start. All peripherals in the window are taken then. */
  readonly base?: Numeric;
  /** Where it goes: 'region0', 'region0+0x1000'; by default the space that the file says, else region0. */
  readonly at?: string;
  /** What the map is called, and what all its registers begin with; by default the name in the file, and nothing. */
  readonly as?: string;
}

/** What must not be read without being asked for. */
export interface CautionDescription {
  /** A region's name. */
  readonly space: string;
  /** Bytes from the start of the region; 0 by default. */
  readonly offset?: Numeric;
  /** Bytes; by default to the region's end. */
  readonly size?: Numeric;
  /** Why, as a phrase: 'popping the FIFO'. */
  readonly reason: string;
}

/** Lines of a script, a file as seen from the profile's folder, or (in a module) a function. */
export interface ScriptDescription {
  readonly summary?: string;
  readonly lines?: readonly string[];
  readonly file?: string;
  readonly run?: (given: object) => unknown;
}

/** A property of a device tree's node: an empty one, a string or several, a cell or several. */
export type PropertyDescription = true | string | Numeric | readonly string[] | readonly Numeric[];

/**
 * What a guest's node has that the general rules do not tell (they keep what is text or a plain number, and drop what points at something that
 * the guest does not have: clocks, resets, power domains, pins).
 */
export interface GuestDescription {
  /** In place of the host's. */
  readonly compatible?: readonly string[];
  /** Properties of the host's node that the guest gets although the rules would drop them. */
  readonly keep?: readonly string[];
  /** Properties of the host's node that the guest must not get. */
  readonly drop?: readonly string[];
  /** Properties that are set whatever the host's node says. */
  readonly properties?: Readonly<Record<string, PropertyDescription>>;
  /** Clocks of a fixed rate that stand in for the host's: the driver asks for them by name, or for their rate. */
  readonly clocks?: readonly { readonly name?: string; readonly hertz: Numeric }[];
  /** What else the guest needs: told in a comment. */
  readonly notes?: readonly string[];
}

/** A profile that ships with the tool: its matches are in the index, so that it is loaded only where it fits. */
export type ShippedBody = Omit<ProfileDescription, 'format' | 'name' | 'match'>;
