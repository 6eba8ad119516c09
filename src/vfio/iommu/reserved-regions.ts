import { join } from 'node:path';
import { attribute } from '../bus/sysfs.js';
import type { Roots } from '../bus/roots.js';

/**
 * Why IOVA is reserved. `direct`: the firmware wants it mapped one to one (RMRR, IVMD). `direct-relaxable`: the same, but
 * not while VFIO has the device. `reserved`: nothing there reaches memory. `msi`: what is written there becomes interrupts.
 * Source: Documentation/ABI/testing/sysfs-kernel-iommu_groups.
 */
export type ReservedKind = 'direct' | 'direct-relaxable' | 'reserved' | 'msi' | 'unknown';

/** IOVA that cannot be mapped, both ends included. */
export interface ReservedRegion {
  readonly first: bigint;
  readonly last: bigint;
  readonly kind: ReservedKind;
}

const kinds: ReadonlySet<string> = new Set(['direct', 'direct-relaxable', 'reserved', 'msi']);

/** The reserved regions of an IOMMU group; empty where it has none or is not there. */
export function reservedRegions(group: string, roots: Roots): ReservedRegion[] {
  const text = attribute(join(roots.sys, 'kernel/iommu_groups', group, 'reserved_regions')) ?? '';
  return parseReservedRegions(text);
}

/** Reads lines such as '0x00000000fee00000 0x00000000feefffff msi'. A line of another form is passed over. */
export function parseReservedRegions(text: string): ReservedRegion[] {
  return text.split('\n').flatMap((line) => {
    const [, first, last, kind = ''] = /^(0x[0-9a-f]+) (0x[0-9a-f]+) (\S+)$/i.exec(line.trim()) ?? [];
    if (first === undefined || last === undefined) return [];
    return [{ first: BigInt(first), last: BigInt(last), kind: isKind(kind) ? kind : 'unknown' }];
  });
}

function isKind(kind: string): kind is ReservedKind {
  return kinds.has(kind);
}
