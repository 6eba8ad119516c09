import type { DmaLimits, DmaMapping } from '../transport/transport.js';
import { io } from './ioctl.js';
import { fixedPart, malformed, request } from './vfio.js';

/** Numbers and layouts of linux/iommufd.h. Every struct begins with its own size. */

const iommufd = (number: number): number => io(';', 0x80 + number);

export const IOMMU_DESTROY = iommufd(0);
export const IOMMU_IOAS_ALLOC = iommufd(1);
export const IOMMU_IOAS_IOVA_RANGES = iommufd(4);
export const IOMMU_IOAS_MAP = iommufd(5);
export const IOMMU_IOAS_UNMAP = iommufd(6);
export const IOMMU_HWPT_ALLOC = iommufd(9);
export const IOMMU_GET_HW_INFO = iommufd(10);
export const IOMMU_HWPT_SET_DIRTY_TRACKING = iommufd(11);
export const IOMMU_HWPT_GET_DIRTY_BITMAP = iommufd(12);

export const IOMMU_IOAS_MAP_FIXED_IOVA = 1;
export const IOMMU_IOAS_MAP_WRITEABLE = 2;
export const IOMMU_IOAS_MAP_READABLE = 4;

/** enum iommufd_hwpt_alloc_flags, iommufd_hwpt_set_dirty_tracking_flags and iommufd_hw_capabilities. */
export const IOMMU_HWPT_ALLOC_DIRTY_TRACKING = 2;
export const IOMMU_HWPT_DIRTY_TRACKING_ENABLE = 1;
export const IOMMU_HW_CAP_DIRTY_TRACKING = 1n;

/** struct iommu_destroy: size, id. */
export function destroyRequest(id: number): Buffer {
  const bytes = request(8);
  bytes.writeUInt32LE(id, 4);
  return bytes;
}

/** struct iommu_ioas_alloc: size, flags, out_ioas_id. */
export function ioasAllocRequest(): Buffer {
  return request(12);
}

export function allocatedIoas(answer: Uint8Array): number {
  return fixedPart(answer, 12, 'IOMMU_IOAS_ALLOC').readUInt32LE(8);
}

/**
 * struct iommu_ioas_iova_ranges: size, ioas_id, num_iovas, reserved, allowed_iovas (the address of an array of
 * {u64 first, u64 last}), out_iova_alignment. EMSGSIZE with num_iovas set where the array is too small.
 */
export function iovaRangesRequest(ioas: number, room: number, address: bigint): Buffer {
  const bytes = request(32);
  bytes.writeUInt32LE(ioas, 4);
  bytes.writeUInt32LE(room, 8);
  bytes.writeBigUInt64LE(address, 16);
  return bytes;
}

/** The number of ranges there are, from an answered iovaRangesRequest (also one that failed with EMSGSIZE). */
export function iovaRangeCount(answer: Uint8Array): number {
  return fixedPart(answer, 32, 'IOMMU_IOAS_IOVA_RANGES').readUInt32LE(8);
}

/**
 * Reads an answered iovaRangesRequest and the array it filled. iommufd tells an alignment and not the IOMMU's page
 * sizes, so `pageSizes` is that one bit: the smallest unit that can be mapped.
 */
export function decodeIovaRanges(answer: Uint8Array, array: Uint8Array): DmaLimits {
  const operation = 'IOMMU_IOAS_IOVA_RANGES';
  const count = iovaRangeCount(answer);
  if (array.byteLength < 16 * count) throw malformed(operation, `${count} ranges in ${array.byteLength} bytes`);
  const ranges = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  return {
    ranges: Array.from({ length: count }, (_, i) => ({
      first: ranges.readBigUInt64LE(16 * i),
      last: ranges.readBigUInt64LE(16 * i + 8),
    })),
    pageSizes: fixedPart(answer, 32, operation).readBigUInt64LE(24),
  };
}

/** struct iommu_ioas_map at the mapping's own IOVA: size, flags, ioas_id, reserved, user_va, length, iova. */
export function ioasMapRequest(ioas: number, mapping: DmaMapping): Buffer {
  const bytes = request(40);
  const access = (mapping.writable ? IOMMU_IOAS_MAP_WRITEABLE : 0) | (mapping.readable ? IOMMU_IOAS_MAP_READABLE : 0);
  bytes.writeUInt32LE(IOMMU_IOAS_MAP_FIXED_IOVA | access, 4);
  bytes.writeUInt32LE(ioas, 8);
  bytes.writeBigUInt64LE(BigInt(mapping.address), 16);
  bytes.writeBigUInt64LE(BigInt(mapping.size), 24);
  bytes.writeBigUInt64LE(mapping.iova, 32);
  return bytes;
}

/** struct iommu_ioas_unmap: size, ioas_id, iova, length. */
export function ioasUnmapRequest(ioas: number, iova: bigint, size: number): Buffer {
  const bytes = request(24);
  bytes.writeUInt32LE(ioas, 4);
  bytes.writeBigUInt64LE(iova, 8);
  bytes.writeBigUInt64LE(BigInt(size), 16);
  return bytes;
}

/** struct iommu_hwpt_alloc: size, flags, dev_id, pt_id, out_hwpt_id, reserved, data_type, data_len, data_uptr, fault_id, reserved. */
export function hwptAllocRequest(flags: number, deviceId: number, ioas: number): Buffer {
  const bytes = request(48);
  bytes.writeUInt32LE(flags, 4);
  bytes.writeUInt32LE(deviceId, 8);
  bytes.writeUInt32LE(ioas, 12);
  return bytes;
}

export function allocatedHwpt(answer: Uint8Array): number {
  return fixedPart(answer, 48, 'IOMMU_HWPT_ALLOC').readUInt32LE(16);
}

/** struct iommu_hwpt_set_dirty_tracking: size, flags, hwpt_id, reserved. */
export function setDirtyTrackingRequest(hwpt: number, enable: boolean): Buffer {
  const bytes = request(16);
  bytes.writeUInt32LE(enable ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0, 4);
  bytes.writeUInt32LE(hwpt, 8);
  return bytes;
}

/**
 * struct iommu_hwpt_get_dirty_bitmap: size, hwpt_id, flags, reserved, iova, length, page_size, data (the address of 64-bit words, one
 * bit a page, the first bit for the page at iova). The kernel sets bits and clears none, and forgets what it told.
 */
export function dirtyBitmapRequest(
  hwpt: number,
  range: { readonly iova: bigint; readonly size: number; readonly pageSize: number },
  address: bigint,
): Buffer {
  const bytes = request(48);
  bytes.writeUInt32LE(hwpt, 4);
  bytes.writeBigUInt64LE(range.iova, 16);
  bytes.writeBigUInt64LE(BigInt(range.size), 24);
  bytes.writeBigUInt64LE(BigInt(range.pageSize), 32);
  bytes.writeBigUInt64LE(address, 40);
  return bytes;
}

/** struct iommu_hw_info: size, flags, dev_id, data_len, data_uptr, out_data_type, out_max_pasid_log2, reserved, out_capabilities. */
export function hwInfoRequest(deviceId: number, dataLength: number, dataAddress: bigint): Buffer {
  const bytes = request(40);
  bytes.writeUInt32LE(deviceId, 8);
  bytes.writeUInt32LE(dataLength, 12);
  bytes.writeBigUInt64LE(dataAddress, 16);
  return bytes;
}

/** What IOMMU_GET_HW_INFO says: enum iommu_hw_info_type and the IOMMU's own words (VT-d's CAP and ECAP, SMMUv3's IDRs). */
export interface IommuHardware {
  readonly type: 'none' | 'intel-vtd' | 'arm-smmuv3' | 'unknown';
  readonly typeNumber: number;
  /** enum iommufd_hw_capabilities; bit 0: dirty tracking. */
  readonly capabilities: bigint;
  /** Bits of a PASID that the device and the IOMMU can use; 0 where none, or where the kernel does not tell (before 6.15). */
  readonly pasidBits: number;
  readonly data: Uint8Array;
}

const hardwareTypes: readonly IommuHardware['type'][] = ['none', 'intel-vtd', 'arm-smmuv3'];

/** Reads an answered hwInfoRequest; `data` is the buffer that it pointed at. */
export function decodeHwInfo(answer: Uint8Array, data: Uint8Array): IommuHardware {
  const info = fixedPart(answer, 40, 'IOMMU_GET_HW_INFO');
  const typeNumber = info.readUInt32LE(24);
  return {
    type: hardwareTypes[typeNumber] ?? 'unknown',
    typeNumber,
    pasidBits: info.readUInt8(28),
    capabilities: info.readBigUInt64LE(32),
    data: data.subarray(0, Math.min(info.readUInt32LE(12), data.byteLength)),
  };
}
