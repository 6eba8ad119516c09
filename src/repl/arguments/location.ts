import type { Space } from '../../vfio/space.js';
import type { Width } from '../../vfio/width.js';
import type { Field } from '../environment.js';
import type { Argument } from './argument.js';

/** One place: a space, an offset in it, and the width to access it with. */
export interface Location {
  readonly space: Space;
  /** Bytes from the start of the space. */
  readonly offset: number;
  /** What was asked for (:16, .w), else the register's own, else 32. */
  readonly width: Width;
  /** The width was asked for. */
  readonly asked: boolean;
  /** The register's canonical name without its space ('CTRL'), where the place was named so. */
  readonly name?: string;
  /** The field of that register that was named. */
  readonly field?: Field;
}

/** LOCATION: `region0 0x100`, `region0+0x100:16`, `region0.CTRL`, `region0.CTRL.EN`, `CTRL`, `config.COMMAND`, `ring 0x40`. */
export declare function location(summary: string): Argument<Location>;

/** The name of a space: region0, config, a DMA buffer. */
export declare function space(summary: string): Argument<Space>;
