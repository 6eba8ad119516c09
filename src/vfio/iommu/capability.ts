/** One thing that an IOMMU can do, or a size that it has, in words. */
export interface Capability {
  /** What it is, as the architecture names it in words: 'snoop control'. */
  readonly name: string;
  readonly value: string;
  /** The field in its register: 'ECAP.SC'. */
  readonly field: string;
}

/** What an IOMMU's registers say. */
export interface Capabilities {
  readonly items: readonly Capability[];
  /** Sizes of pages and blocks in bytes that it can map, ascending; empty where the registers do not tell. */
  readonly pageSizes: readonly number[];
}

/** Bits `high`..`low` of a register. */
export function bits(word: bigint, high: number, low = high): number {
  return Number(BigInt.asUintN(high - low + 1, word >> BigInt(low)));
}

export function yesNo(on: number): string {
  return on === 0 ? 'no' : 'yes';
}
