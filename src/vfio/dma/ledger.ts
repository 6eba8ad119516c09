import { endOf, type IovaSpan } from './mapping.js';

/** The spans nearest to an address: the one it lies in, else the ones below and above it. */
export interface Neighbours<S> {
  readonly at?: S;
  readonly below?: S;
  readonly above?: S;
}

/** Where a span may be placed, and how. */
export interface Fit {
  readonly size: number;
  /** A power of two; `iova + phase` is a multiple of it. */
  readonly alignment: bigint;
  readonly phase: bigint;
  /** The first address that may be used, and the last one (inclusive). */
  readonly first: bigint;
  readonly last: bigint;
}

interface Leaf<S> {
  /** One or more, in order. */
  readonly spans: S[];
  /** The widest gap in front of one of them, in bytes; never less than it is (past 2^53 a rounded number). */
  gap: number;
}

/**
 * Spans of IOVA that do not overlap, in order. Finding one is a binary search; adding and taking away one moves at most a leaf; and a
 * first fit passes over leaves without a gap that is wide enough. So the sixty-thousandth costs what the first does.
 */
export class Ledger<S extends IovaSpan> implements Iterable<S> {
  readonly #leaves: Leaf<S>[] = [];
  readonly #most: number;
  #count = 0;
  #bytes = 0;
  /** The first fit that was found last: until something is taken away, nothing fits below it. */
  #found: { readonly fit: Fit; readonly at: bigint } | undefined;

  /** A leaf has `most` spans at the most. */
  constructor(most = 128) {
    this.#most = most;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Their sizes together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In order of address. */
  *[Symbol.iterator](): Generator<S> {
    for (const { spans } of this.#leaves) yield* spans;
  }

  /** Adds a span, which must overlap none. */
  add(span: S): void {
    if (this.overlapping(span) !== undefined) throw new RangeError('the spans of a ledger do not overlap');
    this.#count += 1;
    this.#bytes += span.size;
    const [index, at] = this.#behind(span.iova);
    const leaf = this.#leaves[index];
    if (leaf === undefined) {
      this.#leaves.push({ spans: [span], gap: Number(span.iova) });
      return;
    }
    leaf.spans.splice(at, 0, span);
    this.#regap(index, at);
    // The gap in front of the next one became smaller: it matters only where it was the widest of its leaf.
    if (at + 1 < leaf.spans.length) this.#regap(index, at + 1, true);
    else this.#regap(index + 1, 0, true);
    if (leaf.spans.length <= this.#most) return;
    // Full leaves where spans come in order, half ones elsewhere.
    const inOrder = index === this.#leaves.length - 1 && at === this.#most;
    const half = leaf.spans.splice(inOrder ? this.#most : this.#most >> 1);
    this.#leaves.splice(index + 1, 0, { spans: half, gap: 0 });
    this.#regap(index, 0, true);
    this.#regap(index + 1, 0, true);
  }

  /** Takes away the span that begins at `iova`. @returns it, or undefined where none does. */
  remove(iova: bigint): S | undefined {
    const [index, behind] = this.#behind(iova);
    const leaf = this.#leaves[index];
    const span = leaf?.spans[behind - 1];
    if (leaf === undefined || span?.iova !== iova) return undefined;
    this.#found = undefined;
    this.#count -= 1;
    this.#bytes -= span.size;
    leaf.spans.splice(behind - 1, 1);
    if (leaf.spans.length === 0) {
      this.#leaves.splice(index, 1);
      this.#regap(index, 0);
    } else if (behind - 1 < leaf.spans.length) this.#regap(index, behind - 1);
    else {
      this.#regap(index, 0, true);
      this.#regap(index + 1, 0);
    }
    return span;
  }

  clear(): void {
    this.#leaves.length = 0;
    this.#found = undefined;
    this.#count = 0;
    this.#bytes = 0;
  }

  neighbours(iova: bigint): Neighbours<S> {
    const [index, behind] = this.#behind(iova);
    const leaf = this.#leaves[index];
    const below = leaf?.spans[behind - 1];
    if (below !== undefined && iova < endOf(below)) return { at: below };
    const above = leaf?.spans[behind] ?? this.#leaves[index + 1]?.spans[0];
    return { ...(below && { below }), ...(above && { above }) };
  }

  /** The first span that shares an address with `other`. */
  overlapping(other: IovaSpan): S | undefined {
    const { at, above } = this.neighbours(other.iova);
    if (at !== undefined) return at;
    return above !== undefined && above.iova < endOf(other) ? above : undefined;
  }

  /** The lowest address at which a span fits, or undefined. */
  firstFit(fit: Fit): bigint | undefined {
    const known = this.#found !== undefined && sameFit(this.#found.fit, fit) ? this.#found.at : fit.first;
    const at = this.#fitFrom(known, fit);
    if (at !== undefined) this.#found = { fit, at };
    return at;
  }

  #fitFrom(from: bigint, fit: Fit): bigint | undefined {
    const { size, last } = fit;
    const room = BigInt(size);
    let at = aligned(from, fit);
    const [start] = this.#behind(at);
    for (let index = start; index < this.#leaves.length; index += 1) {
      const leaf = this.#leaves[index];
      if (leaf === undefined) break;
      if (leaf.gap >= size) {
        const before = this.#leaves[index - 1]?.spans.at(-1);
        if (before !== undefined && endOf(before) > at) at = aligned(endOf(before), fit);
        for (const span of leaf.spans) {
          if (at + room <= span.iova) return at + room - 1n <= last ? at : undefined;
          const end = endOf(span);
          if (end > at) at = aligned(end, fit);
        }
      }
      if (at > last) return undefined;
    }
    const top = this.#leaves.at(-1)?.spans.at(-1);
    if (top !== undefined && endOf(top) > at) at = aligned(endOf(top), fit);
    return at + room - 1n <= last ? at : undefined;
  }

  /** The leaf that holds the last span that begins at or below `iova` (or the first leaf), and the index behind that span. */
  #behind(iova: bigint): [leaf: number, index: number] {
    const leaf = Math.max(0, countWhile(this.#leaves, ({ spans }) => spans[0]!.iova <= iova) - 1);
    return [leaf, countWhile(this.#leaves[leaf]?.spans ?? [], (span) => span.iova <= iova)];
  }

  /** Takes the gap in front of a span into account; `shrunk` where it may have been the leaf's widest and is no more. */
  #regap(index: number, at: number, shrunk = false): void {
    const leaf = this.#leaves[index];
    if (leaf === undefined) return;
    const last = this.#leaves[index - 1]?.spans.at(-1);
    const before = last === undefined ? 0n : endOf(last);
    const { spans } = leaf;
    if (!shrunk) {
      const previous = spans[at - 1];
      leaf.gap = Math.max(leaf.gap, Number(spans[at]!.iova - (previous === undefined ? before : endOf(previous))));
      return;
    }
    let end = before;
    leaf.gap = 0;
    for (const span of spans) {
      leaf.gap = Math.max(leaf.gap, Number(span.iova - end));
      end = endOf(span);
    }
  }
}

function sameFit(one: Fit, other: Fit): boolean {
  return (
    one.size === other.size &&
    one.alignment === other.alignment &&
    one.phase === other.phase &&
    one.first === other.first &&
    one.last === other.last
  );
}

/** The lowest address from `iova` on at which a span may begin. */
function aligned(iova: bigint, { alignment, phase }: Fit): bigint {
  return ((iova + phase + alignment - 1n) & -alignment) - phase;
}

/** How many of the first elements satisfy `holds`, which holds for none behind the first that it does not hold for. */
function countWhile<T>(elements: readonly T[], holds: (element: T) => boolean): number {
  let low = 0;
  let high = elements.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(elements[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}
