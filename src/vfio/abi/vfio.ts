import { VfioError } from '../errors.js';
import type { DeviceInfo, IrqInfo, RegionInfo } from '../transport/transport.js';
import { capabilities, chainCapabilities } from './capability-chain.js';
import type { Capability } from './capability-chain.js';
import { io } from './ioctl.js';

/** Numbers and layouts of linux/vfio.h that concern a device; its DMA side is in type1.ts, its interrupts in irq-set.ts. */

const vfio = (number: number): number => io(';', 100 + number);

export const VFIO_API_VERSION = 0;

export const VFIO_GET_API_VERSION = vfio(0);
export const VFIO_CHECK_EXTENSION = vfio(1);
export const VFIO_SET_IOMMU = vfio(2);
export const VFIO_GROUP_GET_STATUS = vfio(3);
export const VFIO_GROUP_SET_CONTAINER = vfio(4);
export const VFIO_GROUP_UNSET_CONTAINER = vfio(5);
export const VFIO_GROUP_GET_DEVICE_FD = vfio(6);
export const VFIO_DEVICE_GET_INFO = vfio(7);
export const VFIO_DEVICE_GET_REGION_INFO = vfio(8);
export const VFIO_DEVICE_GET_IRQ_INFO = vfio(9);
export const VFIO_DEVICE_SET_IRQS = vfio(10);
export const VFIO_DEVICE_RESET = vfio(11);
export const VFIO_DEVICE_GET_PCI_HOT_RESET_INFO = vfio(12);
export const VFIO_DEVICE_PCI_HOT_RESET = vfio(13);
/** The type1 requests share their numbers with the device's own: they go to the container's fd. */
export const VFIO_IOMMU_GET_INFO = vfio(12);
export const VFIO_IOMMU_MAP_DMA = vfio(13);
export const VFIO_IOMMU_UNMAP_DMA = vfio(14);
export const VFIO_DEVICE_BIND_IOMMUFD = vfio(18);
export const VFIO_DEVICE_ATTACH_IOMMUFD_PT = vfio(19);
export const VFIO_DEVICE_DETACH_IOMMUFD_PT = vfio(20);

export const VFIO_TYPE1_IOMMU = 1;
export const VFIO_TYPE1v2_IOMMU = 3;
export const VFIO_NOIOMMU_IOMMU = 8;

export const VFIO_GROUP_FLAGS_VIABLE = 1;
export const VFIO_GROUP_FLAGS_CONTAINER_SET = 2;

export const VFIO_DEVICE_FLAGS_RESET = 1 << 0;
export const VFIO_DEVICE_FLAGS_PCI = 1 << 1;
export const VFIO_DEVICE_FLAGS_PLATFORM = 1 << 2;
export const VFIO_DEVICE_FLAGS_AMBA = 1 << 3;
export const VFIO_DEVICE_FLAGS_CCW = 1 << 4;
export const VFIO_DEVICE_FLAGS_AP = 1 << 5;
export const VFIO_DEVICE_FLAGS_FSL_MC = 1 << 6;
export const VFIO_DEVICE_FLAGS_CAPS = 1 << 7;
export const VFIO_DEVICE_FLAGS_CDX = 1 << 8;

export const VFIO_REGION_INFO_FLAG_READ = 1;
export const VFIO_REGION_INFO_FLAG_WRITE = 2;
export const VFIO_REGION_INFO_FLAG_MMAP = 4;
export const VFIO_REGION_INFO_FLAG_CAPS = 8;

export const VFIO_REGION_INFO_CAP_SPARSE_MMAP = 1;
export const VFIO_REGION_INFO_CAP_TYPE = 2;
export const VFIO_REGION_INFO_CAP_MSIX_MAPPABLE = 3;

export const VFIO_IRQ_INFO_EVENTFD = 1;
export const VFIO_IRQ_INFO_MASKABLE = 2;
export const VFIO_IRQ_INFO_AUTOMASKED = 4;
export const VFIO_IRQ_INFO_NORESIZE = 8;

/** Region indices of a vfio-pci device. */
export const VFIO_PCI_BAR0_REGION_INDEX = 0;
export const VFIO_PCI_BAR5_REGION_INDEX = 5;
export const VFIO_PCI_ROM_REGION_INDEX = 6;
export const VFIO_PCI_CONFIG_REGION_INDEX = 7;
export const VFIO_PCI_VGA_REGION_INDEX = 8;
export const VFIO_PCI_NUM_REGIONS = 9;

/** Interrupt indices of a vfio-pci device. */
export const VFIO_PCI_INTX_IRQ_INDEX = 0;
export const VFIO_PCI_MSI_IRQ_INDEX = 1;
export const VFIO_PCI_MSIX_IRQ_INDEX = 2;
export const VFIO_PCI_ERR_IRQ_INDEX = 3;
export const VFIO_PCI_REQ_IRQ_INDEX = 4;
export const VFIO_PCI_NUM_IRQS = 5;

/** sizeof struct vfio_device_info up to num_irqs, vfio_region_info, vfio_irq_info, vfio_group_status. */
export const DEVICE_INFO_BYTES = 16;
export const REGION_INFO_BYTES = 32;
export const IRQ_INFO_BYTES = 16;
export const GROUP_STATUS_BYTES = 8;

/** struct vfio_device_info as a request, with argsz set and no room for capabilities. */
export function deviceInfoRequest(): Buffer {
  return request(DEVICE_INFO_BYTES);
}

/**
 * struct vfio_region_info as a request for region `index`, with `argsz` bytes of room. An answer whose own argsz is larger
 * has a capability chain that did not fit: ask again with that much.
 */
export function regionInfoRequest(index: number, argsz = REGION_INFO_BYTES): Buffer {
  const bytes = request(argsz);
  bytes.writeUInt32LE(index, 8);
  return bytes;
}

export function irqInfoRequest(index: number): Buffer {
  const bytes = request(IRQ_INFO_BYTES);
  bytes.writeUInt32LE(index, 8);
  return bytes;
}

export function groupStatusRequest(): Buffer {
  return request(GROUP_STATUS_BYTES);
}

/** The flags word of an answered struct vfio_group_status. */
export function groupStatusFlags(bytes: Uint8Array): number {
  return fixedPart(bytes, GROUP_STATUS_BYTES, 'VFIO_GROUP_GET_STATUS').readUInt32LE(4);
}

/** The argsz that an answer of any INFO request carries: the bytes it needs in full. */
export function answeredSize(bytes: Uint8Array): number {
  return fixedPart(bytes, 4, 'VFIO info').readUInt32LE(0);
}

const buses: readonly (readonly [flag: number, bus: DeviceInfo['bus']])[] = [
  [VFIO_DEVICE_FLAGS_PCI, 'pci'],
  [VFIO_DEVICE_FLAGS_PLATFORM, 'platform'],
  [VFIO_DEVICE_FLAGS_AMBA, 'amba'],
  [VFIO_DEVICE_FLAGS_CCW, 'ccw'],
  [VFIO_DEVICE_FLAGS_AP, 'ap'],
  [VFIO_DEVICE_FLAGS_FSL_MC, 'fsl-mc'],
  [VFIO_DEVICE_FLAGS_CDX, 'cdx'],
];

/** Reads struct vfio_device_info (16 bytes or more). Throws a VfioError of kind 'protocol' for fewer. */
export function decodeDeviceInfo(bytes: Uint8Array): DeviceInfo {
  const info = fixedPart(bytes, DEVICE_INFO_BYTES, 'VFIO_DEVICE_GET_INFO');
  const flags = info.readUInt32LE(4);
  return {
    flags,
    bus: buses.find(([flag]) => (flags & flag) !== 0)?.[1] ?? 'unknown',
    resettable: (flags & VFIO_DEVICE_FLAGS_RESET) !== 0,
    regionCount: info.readUInt32LE(8),
    irqCount: info.readUInt32LE(12),
  };
}

export function encodeDeviceInfo(info: Pick<DeviceInfo, 'flags' | 'regionCount' | 'irqCount'>): Buffer {
  const bytes = request(DEVICE_INFO_BYTES);
  bytes.writeUInt32LE(info.flags, 4);
  bytes.writeUInt32LE(info.regionCount, 8);
  bytes.writeUInt32LE(info.irqCount, 12);
  return bytes;
}

/**
 * Reads struct vfio_region_info (32 bytes) and the capability chain behind it.
 * Throws a VfioError of kind 'protocol' where the answer is too short, its chain runs out of it, or its size is beyond 2^53.
 */
export function decodeRegionInfo(bytes: Uint8Array): RegionInfo {
  const info = fixedPart(bytes, REGION_INFO_BYTES, 'VFIO_DEVICE_GET_REGION_INFO');
  const flags = info.readUInt32LE(4);
  const capOffset = info.readUInt32LE(12);
  let sparse: RegionInfo['sparse'];
  let type: RegionInfo['type'];
  let msixMappable = false;
  if ((flags & VFIO_REGION_INFO_FLAG_CAPS) !== 0 && capOffset !== 0) {
    for (const capability of capabilities(info, capOffset)) {
      if (capability.id === VFIO_REGION_INFO_CAP_SPARSE_MMAP) sparse = decodeSparse(capability);
      else if (capability.id === VFIO_REGION_INFO_CAP_TYPE) type = decodeType(capability);
      else if (capability.id === VFIO_REGION_INFO_CAP_MSIX_MAPPABLE) msixMappable = true;
    }
  }
  return {
    index: info.readUInt32LE(8),
    flags,
    readable: (flags & VFIO_REGION_INFO_FLAG_READ) !== 0,
    writable: (flags & VFIO_REGION_INFO_FLAG_WRITE) !== 0,
    mappable: (flags & VFIO_REGION_INFO_FLAG_MMAP) !== 0,
    size: byteCount(info.readBigUInt64LE(16), 'region size'),
    fileOffset: info.readBigUInt64LE(24),
    msixMappable,
    ...(sparse !== undefined && { sparse }),
    ...(type !== undefined && { type }),
  };
}

/** Writes struct vfio_region_info with the capabilities that `info` has; flag CAPS follows from them. */
export function encodeRegionInfo(
  info: Pick<RegionInfo, 'index' | 'flags' | 'size' | 'fileOffset' | 'sparse' | 'type' | 'msixMappable'>,
): Buffer {
  const chain: Omit<Capability, 'offset'>[] = [];
  if (info.sparse !== undefined) {
    const areas = Buffer.alloc(8 + 16 * info.sparse.length);
    areas.writeUInt32LE(info.sparse.length, 0);
    for (const [i, area] of info.sparse.entries()) {
      areas.writeBigUInt64LE(BigInt(area.offset), 8 + 16 * i);
      areas.writeBigUInt64LE(BigInt(area.size), 16 + 16 * i);
    }
    chain.push({ id: VFIO_REGION_INFO_CAP_SPARSE_MMAP, version: 1, data: areas });
  }
  if (info.type !== undefined) {
    const data = Buffer.alloc(8);
    data.writeUInt32LE(info.type.type, 0);
    data.writeUInt32LE(info.type.subtype, 4);
    chain.push({ id: VFIO_REGION_INFO_CAP_TYPE, version: 1, data });
  }
  if (info.msixMappable) chain.push({ id: VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, version: 1, data: Buffer.alloc(0) });
  const tail = chainCapabilities(chain, REGION_INFO_BYTES);
  const bytes = Buffer.concat([request(REGION_INFO_BYTES), tail]);
  bytes.writeUInt32LE(bytes.length, 0);
  const plain = info.flags & ~VFIO_REGION_INFO_FLAG_CAPS;
  bytes.writeUInt32LE((chain.length > 0 ? plain | VFIO_REGION_INFO_FLAG_CAPS : plain) >>> 0, 4);
  bytes.writeUInt32LE(info.index, 8);
  bytes.writeUInt32LE(chain.length > 0 ? REGION_INFO_BYTES : 0, 12);
  bytes.writeBigUInt64LE(BigInt(info.size), 16);
  bytes.writeBigUInt64LE(info.fileOffset, 24);
  return bytes;
}

/** Reads struct vfio_irq_info (16 bytes). */
export function decodeIrqInfo(bytes: Uint8Array): IrqInfo {
  const info = fixedPart(bytes, IRQ_INFO_BYTES, 'VFIO_DEVICE_GET_IRQ_INFO');
  const flags = info.readUInt32LE(4);
  return {
    index: info.readUInt32LE(8),
    flags,
    eventfd: (flags & VFIO_IRQ_INFO_EVENTFD) !== 0,
    maskable: (flags & VFIO_IRQ_INFO_MASKABLE) !== 0,
    automasked: (flags & VFIO_IRQ_INFO_AUTOMASKED) !== 0,
    noResize: (flags & VFIO_IRQ_INFO_NORESIZE) !== 0,
    count: info.readUInt32LE(12),
  };
}

export function encodeIrqInfo(info: Pick<IrqInfo, 'index' | 'flags' | 'count'>): Buffer {
  const bytes = request(IRQ_INFO_BYTES);
  bytes.writeUInt32LE(info.flags, 4);
  bytes.writeUInt32LE(info.index, 8);
  bytes.writeUInt32LE(info.count, 12);
  return bytes;
}

/** struct vfio_device_bind_iommufd: argsz, flags, iommufd; the kernel fills out_devid at byte 12. */
export function bindIommufdRequest(iommufd: number): Buffer {
  const bytes = request(16);
  bytes.writeInt32LE(iommufd, 8);
  return bytes;
}

/** The id that iommufd gave the device, from an answered bindIommufdRequest. */
export function boundDeviceId(answer: Uint8Array): number {
  return fixedPart(answer, 16, 'VFIO_DEVICE_BIND_IOMMUFD').readUInt32LE(12);
}

/** struct vfio_device_attach_iommufd_pt: argsz, flags, pt_id of an IOAS or a hardware page table. */
export function attachIommufdRequest(pageTable: number): Buffer {
  const bytes = request(12);
  bytes.writeUInt32LE(pageTable, 8);
  return bytes;
}

/** struct vfio_device_detach_iommufd_pt: argsz, flags. */
export function detachIommufdRequest(): Buffer {
  return request(8);
}

/** A zeroed struct of `size` bytes whose first word, argsz, is `size`. */
export function request(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(size, 0);
  return bytes;
}

/** The bytes of an answer as a Buffer over the same memory, at least `atLeast` of them. */
export function fixedPart(bytes: Uint8Array, atLeast: number, operation: string): Buffer {
  if (bytes.byteLength < atLeast) {
    throw malformed(operation, `the answer has ${bytes.byteLength} bytes, ${atLeast} are the least`);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** An answer that breaks the rules of its own layout. */
export function malformed(operation: string, why: string): VfioError {
  return new VfioError({ kind: 'protocol', operation, why });
}

function byteCount(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw malformed('VFIO_DEVICE_GET_REGION_INFO', `${what} 0x${value.toString(16)} is beyond 2^53`);
  }
  return Number(value);
}

function decodeSparse({ data }: Capability): RegionInfo['sparse'] {
  const operation = 'VFIO_DEVICE_GET_REGION_INFO';
  const areas = fixedPart(data, 8, operation);
  const count = areas.readUInt32LE(0);
  if (areas.length < 8 + 16 * count) {
    throw malformed(operation, `a sparse capability claims ${count} areas and has room for ${(areas.length - 8) >> 4}`);
  }
  return Array.from({ length: count }, (_, i) => ({
    offset: byteCount(areas.readBigUInt64LE(8 + 16 * i), 'sparse area offset'),
    size: byteCount(areas.readBigUInt64LE(16 + 16 * i), 'sparse area size'),
  }));
}

function decodeType({ data }: Capability): NonNullable<RegionInfo['type']> {
  const words = fixedPart(data, 8, 'VFIO_DEVICE_GET_REGION_INFO');
  return { type: words.readUInt32LE(0), subtype: words.readUInt32LE(4) };
}
