import { endOf } from '../dma/mapping.js';
import type { Leaf } from './page-table.js';
import type { ReservedRegion } from './reserved-regions.js';

/**
 * How the tables differ from the ledger: `missing`: mapped here, but the IOMMU does not translate it. `extra`: the IOMMU translates it, and
 * nobody here mapped it. `permission`: the rights differ. `physical`: it leads to memory that is not the buffer's.
 */
export type DifferenceKind = 'missing' | 'extra' | 'permission' | 'physical';

/** A run of IOVA with one difference. */
export interface Difference {
  readonly kind: DifferenceKind;
  /** Both ends are included. */
  readonly first: bigint;
  readonly last: bigint;
  /** The mapping that it concerns; none for `extra`. */
  readonly mapping?: string;
  /** What is found at `first`, and what should be: rights such as 'rw', physical addresses. */
  readonly found?: string;
  readonly expected?: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** Bytes that the tables translate, and those of them that are the kernel's own (reserved windows). */
  readonly translated: bigint;
  readonly kernelOwn: bigint;
  /** Bytes that were mapped for writing alone, and that the driver of the IOMMU lets the device read as well. */
  readonly alsoReadable: bigint;
  /** Leaves by their size in bytes. */
  readonly leaves: ReadonlyMap<number, number>;
  /** Pages whose physical address was compared. */
  readonly physicalPages: number;
  /** Pages whose physical address nobody tells. */
  readonly unknownPages: number;
}

/** What should be in the tables. */
export interface ExpectedMapping {
  readonly name: string;
  readonly iova: bigint;
  /** Bytes; whole pages. */
  readonly size: number;
  /** The device may read it, and write it. */
  readonly readable: boolean;
  readonly writable: boolean;
  /** Host virtual address of the memory in this process, where it is known. */
  readonly address?: number;
}

/** The physical address of the page at a host virtual address; undefined where it is not told. */
export type PhysicalOf = (address: number) => bigint | undefined;

export interface Expected {
  /** In order of IOVA; they do not overlap. */
  readonly mappings: readonly ExpectedMapping[];
  /** What the kernel maps for itself, such as the doorbell of MSIs: found there, it is no difference. */
  readonly reserved: readonly ReservedRegion[];
  readonly pageSize: number;
  /** What the driver of the IOMMU puts into every entry: a mapping for writing alone can then be read as well. */
  readonly readImplied: boolean;
  readonly physicalOf?: PhysicalOf;
}

/** More differences than anybody reads: the rest is counted only. */
const MOST_DIFFERENCES = 10_000;

/** Compares tables, given leaf by leaf in order of IOVA, with the ledger. Time is linear in both. */
export class Comparer {
  readonly #expected: Expected;
  readonly #mappings: readonly ExpectedMapping[];
  readonly #differences: Difference[] = [];
  readonly #leaves = new Map<number, number>();
  #index = 0;
  /** What of the ledger has been seen so far: everything below this address. */
  #seen = 0n;
  #translated = 0n;
  #kernelOwn = 0n;
  #alsoReadable = 0n;
  #physicalPages = 0;
  #unknownPages = 0;
  #unlisted = 0;

  constructor(expected: Expected) {
    this.#expected = expected;
    this.#mappings = expected.mappings;
  }

  /** Differences beyond those that are listed. */
  get unlisted(): number {
    return this.#unlisted;
  }

  push(leaf: Leaf): void {
    this.#leaves.set(leaf.size, (this.#leaves.get(leaf.size) ?? 0) + 1);
    this.#translated += BigInt(leaf.size);
    const end = endOf(leaf);
    this.#missingUpTo(leaf.iova);
    let at = leaf.iova;
    while (at < end) {
      const mapping = this.#mappings[this.#index];
      const from = mapping === undefined || mapping.iova > end ? end : mapping.iova;
      if (at < from) {
        this.#extra(leaf, at, from);
        at = from;
        continue;
      }
      if (mapping === undefined) break;
      const to = endOf(mapping) < end ? endOf(mapping) : end;
      this.#compare(leaf, mapping, at, to);
      at = to;
      if (at === endOf(mapping)) this.#index += 1;
    }
    this.#seen = end;
  }

  finish(): Comparison {
    this.#missingUpTo(undefined);
    return {
      differences: this.#differences,
      translated: this.#translated,
      kernelOwn: this.#kernelOwn,
      alsoReadable: this.#alsoReadable,
      leaves: this.#leaves,
      physicalPages: this.#physicalPages,
      unknownPages: this.#unknownPages,
    };
  }

  /** Everything in the ledger between what was seen and `limit` (the end, where undefined) is not in the tables. */
  #missingUpTo(limit: bigint | undefined): void {
    for (;;) {
      const mapping = this.#mappings[this.#index];
      if (mapping === undefined || (limit !== undefined && mapping.iova >= limit)) return;
      const from = mapping.iova > this.#seen ? mapping.iova : this.#seen;
      const end = endOf(mapping);
      const to = limit !== undefined && limit < end ? limit : end;
      if (from < to) this.#report({ kind: 'missing', first: from, last: to - 1n, mapping: mapping.name });
      if (to < end) return;
      this.#index += 1;
    }
  }

  #extra(leaf: Leaf, from: bigint, to: bigint): void {
    const isKernels = this.#expected.reserved.some(({ first, last }) => first <= from && to - 1n <= last);
    if (isKernels) this.#kernelOwn += to - from;
    else this.#report({ kind: 'extra', first: from, last: to - 1n, found: rightsText(leaf) });
  }

  #compare(leaf: Leaf, mapping: ExpectedMapping, from: bigint, to: bigint): void {
    const isOnlyMore = this.#expected.readImplied && leaf.readable && !mapping.readable;
    if (isOnlyMore) this.#alsoReadable += to - from;
    if ((leaf.readable !== mapping.readable && !isOnlyMore) || leaf.writable !== mapping.writable) {
      const rights = { found: rightsText(leaf), expected: rightsText(mapping) };
      this.#report({ kind: 'permission', first: from, last: to - 1n, mapping: mapping.name, ...rights });
    }
    this.#comparePhysical(leaf, mapping, from, to);
  }

  #comparePhysical(leaf: Leaf, mapping: ExpectedMapping, from: bigint, to: bigint): void {
    const { physicalOf, pageSize } = this.#expected;
    const { address } = mapping;
    if (physicalOf === undefined || address === undefined) return;
    const unit = BigInt(pageSize);
    for (let iova = from; iova < to; iova += unit) {
      const memory = physicalOf(address + Number(iova - mapping.iova));
      if (memory === undefined) {
        this.#unknownPages += 1;
        continue;
      }
      this.#physicalPages += 1;
      const found = leaf.physical + (iova - leaf.iova);
      if (found === memory) continue;
      const last = (iova + unit < to ? iova + unit : to) - 1n;
      const places = { found: hex(found), expected: hex(memory) };
      this.#report({ kind: 'physical', first: iova, last, mapping: mapping.name, ...places });
    }
  }

  /** Adds a difference, or lets the one before it go on. */
  #report(difference: Difference): void {
    const last = this.#differences.at(-1);
    if (last !== undefined && goesOn(last, difference)) {
      this.#differences[this.#differences.length - 1] = { ...last, last: difference.last };
    } else if (this.#differences.length < MOST_DIFFERENCES) {
      this.#differences.push(difference);
    } else {
      this.#unlisted += 1;
    }
  }
}

function goesOn(before: Difference, next: Difference): boolean {
  if (before.kind !== next.kind || before.mapping !== next.mapping || before.last + 1n !== next.first) return false;
  return before.kind === 'physical' || (before.found === next.found && before.expected === next.expected);
}

/** 'rw', 'r', 'w'. */
function rightsText({ readable, writable }: { readonly readable: boolean; readonly writable: boolean }): string {
  return `${readable ? 'r' : ''}${writable ? 'w' : ''}` || 'none';
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
