import type { Width } from '../width.js';

/**
 * Register maps as data, whatever they were written in (CMSIS-SVD, a profile, an overlay): a tree of blocks and registers with every array
 * laid out, so that each register is one node with one place. The words are those of datasheets; CMSIS-SVD's stand beside them.
 */

/** What may be done with a register or field. 'once' means that only the first write after a reset counts (writeOnce, read-writeOnce). */
export type Access = 'ro' | 'rw' | 'wo' | 'wo-once' | 'rw-once' | 'reserved';

/** What writing a bit does (modifiedWriteValues): 'modify' stores it; w1c w1s w1t clear, set and toggle by ones, w0c w0s w0t by zeros;
 * 'clear' and 'set' take any write. */
export type WriteEffect = 'modify' | 'w1c' | 'w1s' | 'w1t' | 'w0c' | 'w0s' | 'w0t' | 'clear' | 'set';

/** What reading does to the register (readAction); 'external' changes something else, such as the next word of a FIFO. */
export type ReadEffect = 'clear' | 'set' | 'modify' | 'external';

/** What an access must be allowed (protection): 'secure' in TrustZone's sense, 'non-secure' either, 'privileged' a privileged mode. */
export type Protection = 'secure' | 'non-secure' | 'privileged';

/** A name for values of a field: one value, a range, or a pattern whose bits outside of `mask` do not matter. */
export interface NamedValue {
  readonly name: string;
  readonly from: bigint;
  /** Inclusive; `from` itself for a single value. */
  readonly to: bigint;
  /** Bits that are compared; absent: all. */
  readonly mask?: bigint;
  /** Whether it names what is read, what is written, or both. */
  readonly usage: 'read' | 'write' | 'both';
  /** The name of every value that has no other. */
  readonly isDefault?: boolean;
  readonly description?: string;
}

/** What may be written (writeConstraint). 'enumerated' is the named values, 'as-read' what was read before. */
export type WriteConstraint =
  | { readonly kind: 'as-read' }
  | { readonly kind: 'enumerated' }
  | { readonly kind: 'range'; readonly from: bigint; readonly to: bigint };

export interface FieldDescription {
  readonly name: string;
  /** Its lowest bit, and how many there are. */
  readonly low: number;
  readonly bits: number;
  readonly access: Access;
  readonly writeEffect: WriteEffect;
  readonly readEffect?: ReadEffect;
  readonly values: readonly NamedValue[];
  readonly constraint?: WriteConstraint;
  readonly description?: string;
}

export interface Register {
  readonly kind: 'register';
  /** Its own name, without an index: 'CR'. */
  readonly name: string;
  /** Its place in an array: FIFO[3] has 3. */
  readonly index?: number;
  /** Its name within the space: 'CTRL', 'CH[2].STATUS', 'UART0.FIFO[3]'. Unique in its map, but for alternates. */
  readonly path: string;
  /** The space's name: 'region0', 'config'. */
  readonly space: string;
  /** Bytes from the start of the space. */
  readonly offset: number;
  readonly width: Width;
  readonly access: Access;
  readonly writeEffect: WriteEffect;
  /** The register's own, or any of its fields'. */
  readonly readEffect?: ReadEffect;
  readonly constraint?: WriteConstraint;
  /** Value after a reset, and the bits of it that are defined. */
  readonly reset?: bigint;
  readonly resetMask?: bigint;
  readonly protection?: Protection;
  /** Sorted by their lowest bit, highest first, as datasheets have them. */
  readonly fields: readonly FieldDescription[];
  /** Another view of a place that another register is at as well (alternateRegister, alternateGroup, overlapping unions). */
  readonly alternate?: boolean;
  readonly title?: string;
  readonly description?: string;
}

/** A peripheral, a cluster, or an element of an array of clusters. */
export interface Block {
  readonly kind: 'block';
  readonly name: string;
  readonly index?: number;
  readonly path: string;
  readonly space: string;
  readonly offset: number;
  /** Bytes, where that is known. */
  readonly size?: number;
  readonly title?: string;
  readonly description?: string;
  readonly children: readonly (Block | Register)[];
}

/** Something in a file that could not be used: where it is and why. The rest of the file was used. */
export interface MapProblem {
  /** 'nrf.svd:1204:7', or the element's path where there is no line. */
  readonly where: string;
  readonly why: string;
}

export interface RegisterMap {
  /** What it describes: the peripheral's or profile's name. */
  readonly name: string;
  /** Where it came from, for messages: a file's name, 'profile edu'. */
  readonly origin: string;
  readonly description?: string;
  /** Bytes from the start of the space to the map's own offset 0; 0 by default. */
  readonly base?: number;
  readonly children: readonly (Block | Register)[];
  readonly problems: readonly MapProblem[];
}

/** Every register of a tree, in the order of the map. */
export function* registersIn(nodes: readonly (Block | Register)[]): Generator<Register> {
  for (const node of nodes) {
    if (node.kind === 'register') yield node;
    else yield* registersIn(node.children);
  }
}
