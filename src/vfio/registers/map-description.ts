/**
 * The own format of register maps: what a person writes from a datasheet, as JSON or as an object in TypeScript. Every number may be a
 * number or text ('0x10', '0b101', '1_000'; text or bigint where it is beyond 2^53).
 */

export type Numeric = number | bigint | string;

export interface MapDescription {
  readonly format?: 'vfiodbg-registers';
  /** What it describes: 'uart'. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** The space that offsets are in, where nothing else is asked for: 'region0'. */
  readonly space?: string;
  /** What registers have that do not say otherwise: 32 bits, rw, no known reset value. */
  readonly width?: 8 | 16 | 32 | 64;
  readonly access?: string;
  readonly reset?: Numeric;
  readonly resetMask?: Numeric;
  readonly registers: readonly EntryDescription[];
}

export type EntryDescription = RegisterEntry | ClusterEntry;

/** What registers and clusters have alike. */
interface EntryBase {
  /** 'CTRL'; of a list with the place of the label: 'CH%s_CTRL'. */
  readonly name?: string;
  /** Bytes from the start of what it lies in. */
  readonly offset: Numeric;
  /** An array of so many: NAME[0], NAME[1]; or a list NAME0, NAME1 where the name holds %s. */
  readonly count?: Numeric;
  /** Bytes from one to the next; by default the register's own. */
  readonly stride?: Numeric;
  /** The first index; 0 by default. */
  readonly first?: Numeric;
  /** A list with names of its own: whole ones, or what stands for the %s in the name. */
  readonly names?: readonly string[];
  readonly title?: string;
  readonly description?: string;
  readonly width?: 8 | 16 | 32 | 64;
  readonly access?: string;
  readonly reset?: Numeric;
  readonly resetMask?: Numeric;
}

export interface RegisterEntry extends EntryBase, Effects {
  readonly fields?: readonly FieldEntry[];
  /** Another view of a place that another register is at too. Found out where they overlap. */
  readonly alternate?: boolean;
  /** What an access must be allowed: 'secure', 'non-secure' or 'privileged'. */
  readonly protection?: string;
}

export interface ClusterEntry extends EntryBase {
  /** Bytes. */
  readonly size?: Numeric;
  readonly registers: readonly EntryDescription[];
}

interface Effects {
  /** What writing does, where `access` does not say it: w1c w1s w1t w0c w0s w0t, clear or set by any write. */
  readonly writeEffect?: string;
  /** What reading does, where `access` does not say it: clear, set, modify it, or external: change something else. */
  readonly readEffect?: string;
  /** What may be written: what was read, the named values only, or a range [from, to]. */
  readonly writes?: 'as-read' | 'named' | readonly [Numeric, Numeric];
}

export interface FieldEntry extends Effects {
  /** 'EN'; 'EN%s' with a count. */
  readonly name: string;
  /** '7:4' or 7. */
  readonly bits: string | number;
  /** So many fields EN0, EN1, each `stride` bits from the one before it (by default its own bits). */
  readonly count?: Numeric;
  readonly stride?: Numeric;
  readonly names?: readonly string[];
  /** By default the register's. */
  readonly access?: string;
  /** Names of values: { IDLE: 0, BUSY: '1..3', HIGH: '0b1xx', OTHER: 'default' }, or a list that says more of each. */
  readonly values?: Readonly<Record<string, Numeric>> | readonly ValueEntry[];
  readonly description?: string;
}

export interface ValueEntry {
  readonly name: string;
  /** A value, '2..5', '0b1xx', or 'default' for every value without another name. */
  readonly value: Numeric;
  /** Whether it names what is read or what is written; both by default. */
  readonly usage?: 'read' | 'write' | 'both';
  readonly description?: string;
}
