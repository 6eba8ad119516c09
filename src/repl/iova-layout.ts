import type { Mapped } from '../vfio/dma/dma.js';

/** From the mapping with index `from` up to, not including, `to`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Where mappings lie, in order of address, as numbers: these are exact up to 2^64, since mappings begin and end at pages. With tens of
 * thousands of them that is what keeps a picture quick.
 */
export class IovaLayout {
  readonly mappings: readonly Mapped[];
  /** Where each begins, and where what is behind it begins. */
  readonly starts: Float64Array;
  readonly ends: Float64Array;
  /** Bytes in front of each that are not mapped, from the one before it on; 0 for the first. */
  readonly holes: Float64Array;

  constructor(mappings: readonly Mapped[]) {
    const { length } = mappings;
    this.mappings = mappings;
    this.starts = new Float64Array(length);
    this.ends = new Float64Array(length);
    this.holes = new Float64Array(length);
    let end: number | undefined;
    for (const [index, { iova, size }] of mappings.entries()) {
      const start = Number(iova);
      this.starts[index] = start;
      this.holes[index] = end === undefined ? 0 : start - end;
      end = start + size;
      this.ends[index] = end;
    }
  }

  get all(): Stretch {
    return { from: 0, to: this.mappings.length };
  }

  start({ from }: Stretch): number {
    return this.starts[from] ?? 0;
  }

  end({ to }: Stretch): number {
    return this.ends[to - 1] ?? 0;
  }

  /** The mappings in stretches: a new one begins where `begins` says so of an index. */
  split(begins: (index: number) => boolean): Stretch[] {
    const stretches: Stretch[] = [];
    let from = 0;
    for (let index = 1; index <= this.mappings.length; index += 1) {
      if (index < this.mappings.length && !begins(index)) continue;
      stretches.push({ from, to: index });
      from = index;
    }
    return stretches;
  }

  /** Whether a mapping follows the one before it without a hole and differs from it in name only. */
  continues(index: number): boolean {
    const [before, next] = [this.mappings[index - 1], this.mappings[index]];
    if (this.holes[index] !== 0 || before === undefined || next === undefined) return false;
    const { prot, kind, guard, size } = before;
    return prot === next.prot && kind === next.kind && guard === next.guard && size === next.size;
  }

  /** The size that the widest holes are above: `most` of them at the most, since of holes of one size all or none are told. */
  widthOfNarrow(most: number): number {
    return this.holes.toSorted().at(-most - 1) ?? 0;
  }

  /** The starts and ends of what is mapped, in turns; mappings that touch as one. */
  edges({ from, to }: Stretch): Float64Array {
    const edges = new Float64Array(2 * (to - from));
    let next = 0;
    for (let index = from; index < to; index += 1) {
      if (index > from && this.holes[index] === 0) next -= 1;
      else edges[next++] = this.starts[index] ?? 0;
      edges[next++] = this.ends[index] ?? 0;
    }
    return edges.subarray(0, next);
  }

  /** The mappings in at most `most` clusters that are far apart, split at the widest holes first. */
  clusters(most: number): Stretch[] {
    const clusters = this.mappings.length === 0 ? [] : [this.#cluster(this.all)];
    while (clusters.length < most) {
      const widest = clusters.reduce((best, { split, hole }) => (split === undefined ? best : Math.max(best, hole)), 0);
      const at = clusters.findIndex(({ split, hole }) => split !== undefined && hole === widest);
      const { from = 0, to = 0, split } = clusters[at] ?? {};
      if (split === undefined) break;
      clusters.splice(at, 1, this.#cluster({ from, to: split }), this.#cluster({ from: split, to }));
    }
    return clusters;
  }

  /** A stretch with its widest hole, and the mapping behind it where that hole is far wider than what lies on either side of it. */
  #cluster(stretch: Stretch): Stretch & { readonly split: number | undefined; readonly hole: number } {
    let split = stretch.from;
    let hole = 0;
    for (let index = stretch.from + 1; index < stretch.to; index += 1) {
      const width = this.holes[index] ?? 0;
      if (width > hole) [split, hole] = [index, width];
    }
    const below = (this.ends[split - 1] ?? 0) - this.start(stretch);
    const above = this.end(stretch) - (this.starts[split] ?? 0);
    return { ...stretch, split: hole > 4 * below && hole > 4 * above ? split : undefined, hole };
  }
}
