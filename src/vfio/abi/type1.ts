import type { DmaLimits, DmaMapping } from '../transport/transport.js';
import { capabilities } from './capability-chain.js';
import { fixedPart, malformed, request } from './vfio.js';

/** Layouts of linux/vfio.h for the type1 IOMMU of a container: VFIO_IOMMU_GET_INFO, MAP_DMA and UNMAP_DMA. */

export const VFIO_DMA_MAP_FLAG_READ = 1;
export const VFIO_DMA_MAP_FLAG_WRITE = 2;
export const VFIO_IOMMU_INFO_PGSIZES = 1;
export const VFIO_IOMMU_INFO_CAPS = 2;
export const VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE = 1;
export const VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION = 2;
export const VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL = 3;

/** sizeof struct vfio_iommu_type1_info: argsz, flags, iova_pgsizes, cap_offset, pad. */
export const TYPE1_INFO_BYTES = 24;

export function type1InfoRequest(argsz = TYPE1_INFO_BYTES): Buffer {
  return request(argsz);
}

/** Reads struct vfio_iommu_type1_info and its capabilities. */
export function decodeType1Info(bytes: Uint8Array): DmaLimits {
  const operation = 'VFIO_IOMMU_GET_INFO';
  const info = fixedPart(bytes, TYPE1_INFO_BYTES, operation);
  const flags = info.readUInt32LE(4);
  const capOffset = info.readUInt32LE(16);
  let ranges: DmaLimits['ranges'] = [];
  let entriesLeft: number | undefined;
  if ((flags & VFIO_IOMMU_INFO_CAPS) !== 0 && capOffset !== 0) {
    for (const { id, data } of capabilities(info, capOffset)) {
      if (id === VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
        const count = fixedPart(data, 8, operation).readUInt32LE(0);
        if (data.length < 8 + 16 * count) throw malformed(operation, `${count} IOVA ranges do not fit the answer`);
        ranges = Array.from({ length: count }, (_, i) => ({
          first: data.readBigUInt64LE(8 + 16 * i),
          last: data.readBigUInt64LE(16 + 16 * i),
        }));
      } else if (id === VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL) {
        entriesLeft = fixedPart(data, 4, operation).readUInt32LE(0);
      }
    }
  }
  return {
    ranges,
    pageSizes: (flags & VFIO_IOMMU_INFO_PGSIZES) !== 0 ? info.readBigUInt64LE(8) : 0n,
    ...(entriesLeft !== undefined && { entriesLeft }),
  };
}

/** struct vfio_iommu_type1_dma_map: argsz, flags, vaddr, iova, size. */
export function dmaMapRequest(mapping: DmaMapping): Buffer {
  const bytes = request(32);
  bytes.writeUInt32LE(
    (mapping.readable ? VFIO_DMA_MAP_FLAG_READ : 0) | (mapping.writable ? VFIO_DMA_MAP_FLAG_WRITE : 0),
    4,
  );
  bytes.writeBigUInt64LE(BigInt(mapping.address), 8);
  bytes.writeBigUInt64LE(mapping.iova, 16);
  bytes.writeBigUInt64LE(BigInt(mapping.size), 24);
  return bytes;
}

/** struct vfio_iommu_type1_dma_unmap: argsz, flags, iova, size; the kernel writes the bytes it unmapped over size. */
export function dmaUnmapRequest(iova: bigint, size: number): Buffer {
  const bytes = request(24);
  bytes.writeBigUInt64LE(iova, 8);
  bytes.writeBigUInt64LE(BigInt(size), 16);
  return bytes;
}

/** The bytes that an answered dmaUnmapRequest says were unmapped. */
export function unmappedBytes(answer: Uint8Array): bigint {
  return fixedPart(answer, 24, 'VFIO_IOMMU_UNMAP_DMA').readBigUInt64LE(16);
}
