import type { Access, FieldDescription, Protection, ReadEffect, WriteConstraint, WriteEffect } from './register-map.js';
import type { Width } from '../width.js';

/**
 * Registers as a file describes them, before their arrays are laid out: what each reader (CMSIS-SVD, the own format) makes, and what
 * `layOut` turns into a map. Plain data, so that it can be kept in a file.
 */

/** An array or a list of the same thing. */
export interface Repeat {
  /** Bytes from one to the next. */
  readonly stride: number;
  /** 'array': NAME[0], NAME[1]; 'list': the names, in the place of %s, or whole where the name has none. */
  readonly kind: 'array' | 'list';
  /** One for each, in their order: its index, or what stands for %s. */
  readonly labels: readonly string[];
  /** What they are called in words, where each has a title of its own. */
  readonly titles?: readonly (string | undefined)[];
}

interface Common {
  readonly name: string;
  /** Bytes from the start of what it lies in. */
  readonly offset: number;
  readonly repeat?: Repeat;
  readonly title?: string;
  readonly description?: string;
  /** Where it is described, for problems. */
  readonly where: string;
}

export interface RegisterSketch extends Common {
  readonly kind: 'register';
  readonly width: Width;
  readonly access: Access;
  readonly writeEffect: WriteEffect;
  readonly readEffect?: ReadEffect;
  readonly constraint?: WriteConstraint;
  readonly reset?: bigint;
  readonly resetMask?: bigint;
  readonly protection?: Protection;
  readonly fields: readonly FieldDescription[];
  readonly alternate?: boolean;
}

export interface BlockSketch extends Common {
  readonly kind: 'block';
  readonly size?: number;
  readonly children: readonly Sketch[];
}

export type Sketch = RegisterSketch | BlockSketch;

/** How many registers `sketches` stand for. */
export function countOf(sketches: readonly Sketch[]): number {
  return sketches.reduce((sum, sketch) => {
    const times = sketch.repeat?.labels.length ?? 1;
    return sum + times * (sketch.kind === 'register' ? 1 : countOf(sketch.children));
  }, 0);
}
