import { raiseLimit } from '../dma/budget.js';
import type { Meaning } from '../errors.js';
import { memlockLimit } from '../sys/libc.js';
import { plainMeaning } from './kernel-call.js';
import type { DmaMapping } from './transport.js';

/** Why VFIO_IOMMU_MAP_DMA or IOMMU_IOAS_MAP refused `mapping`; the two share most of their errnos. */
export function mapMeaning(errno: string, { iova, size }: DmaMapping): Meaning {
  const place = `0x${size.toString(16)} bytes at IOVA 0x${iova.toString(16)}`;
  switch (errno) {
    case 'ENOMEM': {
      const limit = memlockLimit();
      const allowed = limit === Infinity ? 'no limit is set' : `the limit (RLIMIT_MEMLOCK) is ${limit >> 10} KiB`;
      return {
        kind: 'limit',
        why: `the memory could not be pinned for the device: ${allowed}`,
        hint: `${raiseLimit}, or map less`,
      };
    }
    case 'EEXIST':
    case 'EADDRINUSE':
      return { kind: 'limit', why: `${place} overlap a mapping or a reserved range`, hint: 'choose another IOVA' };
    case 'ENOSPC':
      return {
        kind: 'limit',
        why: 'this container has no mappings left',
        hint: 'unmap some, map larger pieces, or raise vfio_iommu_type1.dma_entry_limit',
      };
    case 'EINVAL':
    case 'EOVERFLOW':
    case 'ERANGE':
      return {
        kind: 'limit',
        why: `${place} are outside of what the IOMMU can map, or not aligned to its pages`,
        hint: 'the DMA limits show the usable ranges and page sizes',
      };
    case 'EFAULT':
      return { kind: 'limit', why: 'the memory behind the mapping is not there or not writable' };
    default:
      return plainMeaning(errno);
  }
}

/** Nothing was mapped as asked to unmap. */
export function noMapping(iova: bigint, size: number): Meaning {
  return {
    kind: 'absent',
    why: `no mapping is exactly 0x${size.toString(16)} bytes at IOVA 0x${iova.toString(16)}`,
    hint: 'a mapping is unmapped whole, as it was mapped',
  };
}
