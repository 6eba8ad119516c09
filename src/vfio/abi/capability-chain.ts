/**
 * The chain of capabilities behind struct vfio_region_info, vfio_device_info and vfio_iommu_type1_info: each begins with
 * struct vfio_info_cap_header { __u16 id; __u16 version; __u32 next; }, where `next` is an offset from the start of the whole structure and
 * 0 ends the chain. Source: linux/vfio.h.
 */
import { VfioError } from '../errors.js';

/** One capability: `offset` is where its header lies in the structure, `data` runs from behind its header to the end of the structure. */
export interface Capability {
  readonly id: number;
  readonly version: number;
  readonly offset: number;
  readonly data: Buffer;
}

const HEADER_SIZE = 8;

/** Where capabilities may begin at the earliest: behind the smallest structure that has them, struct vfio_device_info. */
const SMALLEST_STRUCTURE = 16;

/**
 * The capabilities of the chain that begins at `first` in `structure` (0: none), in the chain's order.
 * Throws a VfioError of kind 'protocol' where an offset is out of bounds or not a multiple of 4, or comes twice; so the walk always ends.
 * (The kernel aligns to 8; structures of 32-bit words, such as a server may lay out itself, need only 4.)
 */
export function capabilities(structure: Uint8Array, first: number): Capability[] {
  const all = Buffer.from(structure.buffer, structure.byteOffset, structure.byteLength);
  const chain: Capability[] = [];
  const seen = new Set<number>();
  let offset = first;
  while (offset !== 0) {
    const why = faultAt(offset, all.length, seen);
    if (why !== undefined) throw new VfioError({ kind: 'protocol', operation: 'walk the capability chain', why });
    seen.add(offset);
    chain.push({
      id: all.readUInt16LE(offset),
      version: all.readUInt16LE(offset + 2),
      offset,
      data: all.subarray(offset + HEADER_SIZE),
    });
    offset = all.readUInt32LE(offset + 4);
  }
  return chain;
}

function faultAt(offset: number, length: number, seen: ReadonlySet<number>): string | undefined {
  const at = `capability ${seen.size} at offset 0x${offset.toString(16)}`;
  if (offset < SMALLEST_STRUCTURE) return `${at} lies inside the structure's fixed part`;
  if (offset + HEADER_SIZE > length) return `${at} lies outside the structure of ${length} bytes`;
  if (offset % 4 !== 0) return `${at} is not aligned to 4 bytes`;
  if (seen.has(offset)) return `${at} comes twice: the chain is a cycle`;
  return undefined;
}

/**
 * The bytes of a chain that stands at `base` in its structure, each capability aligned to 8 as the kernel does it; empty for no capability.
 * A capability's `data` is only its own.
 */
export function chainCapabilities(chain: readonly Omit<Capability, 'offset'>[], base: number): Buffer {
  const bytes = Buffer.alloc(chain.reduce((size, { data }) => size + HEADER_SIZE + aligned(data.length), 0));
  let at = 0;
  for (const [i, { id, version, data }] of chain.entries()) {
    const next = at + HEADER_SIZE + aligned(data.length);
    bytes.writeUInt16LE(id, at);
    bytes.writeUInt16LE(version, at + 2);
    bytes.writeUInt32LE(i === chain.length - 1 ? 0 : base + next, at + 4);
    data.copy(bytes, at + HEADER_SIZE);
    at = next;
  }
  return bytes;
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}
