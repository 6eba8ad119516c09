/**
 * The chain of capabilities behind struct vfio_region_info, vfio_device_info and vfio_iommu_type1_info: each begins with
 * struct vfio_info_cap_header { __u16 id; __u16 version; __u32 next; }, where `next` is an offset from the start of the whole structure and
 * 0 ends the chain. Source: linux/vfio.h.
 */
import { VfioError } from '../errors.js';

/** One capability: `offset` is where its header lies in the structure, `bytes` runs from its header to the end of the structure. */
export interface Capability {
  readonly id: number;
  readonly version: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

const CAPABILITY_HEADER_SIZE = 8;

/**
 * The capabilities of the chain that begins at `first` in `structure` (0: none), in the chain's order. `fixedSize` is the size of the
 * structure before its capabilities; no capability may lie inside it.
 * Throws VfioError of kind 'protocol' where an offset is out of bounds or not a multiple of 4, or comes twice; so the walk always ends. The
 * kernel aligns to 8, but capability structures hold only what 4 would align in C, and servers in the field rely on that.
 */
export function capabilityChain(structure: Uint8Array, first: number, fixedSize: number): Capability[] {
  const all = Buffer.from(structure.buffer, structure.byteOffset, structure.byteLength);
  const chain: Capability[] = [];
  const seen = new Set<number>();
  for (let offset = first; offset !== 0;) {
    const fault = faultOf(offset, fixedSize, all.length, seen);
    if (fault !== undefined)
      throw new VfioError({ kind: 'protocol', operation: 'walk the capability chain', why: fault });
    seen.add(offset);
    chain.push({
      id: all.readUInt16LE(offset),
      version: all.readUInt16LE(offset + 2),
      offset,
      bytes: all.subarray(offset),
    });
    offset = all.readUInt32LE(offset + 4);
  }
  return chain;
}

function faultOf(offset: number, fixedSize: number, length: number, seen: ReadonlySet<number>): string | undefined {
  const at = `capability ${seen.size} at offset 0x${offset.toString(16)}`;
  if (offset < fixedSize) return `${at} lies inside the fixed ${fixedSize} bytes`;
  if (offset + CAPABILITY_HEADER_SIZE > length) return `${at} lies outside the structure of ${length} bytes`;
  if (offset % 4 !== 0) return `${at} is not aligned to 4 bytes`;
  if (seen.has(offset)) return `${at} comes twice: the chain is a cycle`;
  return undefined;
}
