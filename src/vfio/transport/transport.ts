import type { IommuHardware } from '../abi/iommufd.js';
import type { FailureDetails } from '../errors.js';
import type { RegisterMap } from '../registers/register-map.js';

/** The way in by which a device was opened. */
export type Via = 'group' | 'cdev' | 'vfio-user' | 'snapshot';

/** What VFIO_DEVICE_GET_INFO (or its vfio-user message) says, flags in words. Source: linux/vfio.h, struct vfio_device_info. */
export interface DeviceInfo {
  /** Raw flags word. */
  readonly flags: number;
  /** The bus behind the device, from the flags. */
  readonly bus: 'pci' | 'platform' | 'amba' | 'ccw' | 'ap' | 'fsl-mc' | 'cdx' | 'unknown';
  /** VFIO_DEVICE_FLAGS_RESET: VFIO_DEVICE_RESET works. */
  readonly resettable: boolean;
  readonly regionCount: number;
  readonly irqCount: number;
}

/** What VFIO_DEVICE_GET_REGION_INFO says. Source: linux/vfio.h, struct vfio_region_info and its capabilities. */
export interface RegionInfo {
  readonly index: number;
  /** Raw flags word: READ 1, WRITE 2, MMAP 4, CAPS 8. */
  readonly flags: number;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly mappable: boolean;
  /** Bytes; 0 where the device has no such region. */
  readonly size: number;
  /** Byte offset of the region on the fd that backs it (the device fd, or the fd of a vfio-user region). */
  readonly fileOffset: bigint;
  /** VFIO_REGION_INFO_CAP_SPARSE_MMAP: the only parts that may be mapped. Absent: the whole region, if mappable. */
  readonly sparse?: readonly { readonly offset: number; readonly size: number }[];
  /** VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: the page of the MSI-X table may be mapped too. */
  readonly msixMappable: boolean;
  /** VFIO_REGION_INFO_CAP_TYPE, for device-specific regions. */
  readonly type?: { readonly type: number; readonly subtype: number };
}

/** What VFIO_DEVICE_GET_IRQ_INFO says. Source: linux/vfio.h, struct vfio_irq_info. */
export interface IrqInfo {
  readonly index: number;
  /** Raw flags word: EVENTFD 1, MASKABLE 2, AUTOMASKED 4, NORESIZE 8. */
  readonly flags: number;
  readonly eventfd: boolean;
  readonly maskable: boolean;
  readonly automasked: boolean;
  readonly noResize: boolean;
  /** Number of vectors; 0 where the device has no such interrupt. */
  readonly count: number;
}

/** The ACTION of VFIO_DEVICE_SET_IRQS. */
export type IrqAction = 'mask' | 'unmask' | 'trigger';

/** Pages that the IOMMU saw the device write. */
export interface Dirty {
  readonly pageSize: number;
  /** Byte offsets of the pages in the range that was asked for, ascending. */
  readonly offsets: readonly number[];
  /** The tracking began with this call: nothing is known of earlier writes, and `offsets` is empty. */
  readonly began: boolean;
}

/**
 * The DATA of VFIO_DEVICE_SET_IRQS: 'none' acts on every vector of the range (count 0 with 'trigger' tears down), 'bool' on
 * those that are true, 'eventfds' installs one fd a vector (-1 removes).
 */
export type IrqData =
  | { readonly type: 'none' }
  | { readonly type: 'bool'; readonly values: readonly boolean[] }
  | { readonly type: 'eventfds'; readonly fds: readonly number[] };

/** A mapping of device-visible memory: IOVA and size in bytes, page aligned. */
export interface DmaMapping {
  readonly iova: bigint;
  readonly size: number;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Host virtual address of the memory in this process. */
  readonly address: number;
  /** The file behind it (-1: none) and the offset in it, for transports that hand the memory over (vfio-user). */
  readonly fd: number;
  readonly fdOffset: number;
}

/** What the IOMMU side allows. */
export interface DmaLimits {
  /** Inclusive ranges of usable IOVA; empty where unknown. */
  readonly ranges: readonly { readonly first: bigint; readonly last: bigint }[];
  /** Bit mask of IOMMU page sizes in bytes. */
  readonly pageSizes: bigint;
  /** Mappings that can still be made (type1's dma_avail), or undefined where there is no such limit. */
  readonly entriesLeft?: number;
}

/**
 * A way in to one device: mechanism only. One call is one ioctl, one pread or pwrite, or one message; nothing is cached, retried, widened or
 * split, and bounds and permissions are the Region's business above. Every method throws VfioError with operation, errno and why.
 * All calls are synchronous and block no longer than the transport's time-out.
 */
export interface Transport {
  readonly via: Via;
  /** What the device is called in messages: '0000:00:04.0', '9010000.pl031', 'sim:edu', a socket's path. */
  readonly name: string;
  readonly info: DeviceInfo;
  /** Notes for the user that came up while opening, such as 'no-IOMMU group: DMA is unchecked'. */
  readonly warnings: readonly string[];
  /** IOMMU group number where there is one. */
  readonly group?: string;
  /** What a file that shows a device says of its registers. */
  readonly registerMaps?: readonly RegisterMap[];

  regionInfo(index: number): RegionInfo;
  irqInfo(index: number): IrqInfo;

  /** The path that `read` and `write` take, for `regions`. */
  readonly accessPath: 'file' | 'message' | 'snapshot';
  /** One pread or message over the whole of `into`. Short answers are errors. Width and alignment are the caller's. */
  read(region: RegionInfo, offset: number, into: Uint8Array): void;
  write(region: RegionInfo, offset: number, from: Uint8Array): void;
  /**
   * Whether `read`/`write` of `bytes` at `offset` is carried out as one access of that width all the way to the device; undefined where it
   * is, else the reason ('vfio-platform splits 8 bytes into two 4-byte accesses').
   */
  splits(region: RegionInfo, offset: number, bytes: number): string | undefined;
  /** The most bytes one `read` or `write` can carry. */
  readonly maxTransfer: number;

  /** The fd to mmap `region` from at region.fileOffset, or undefined where it cannot be mapped. */
  mappingFd(region: RegionInfo): number | undefined;

  setIrqs(index: number, action: IrqAction, start: number, count: number, data: IrqData): void;
  /** VFIO_DEVICE_RESET. */
  reset(): void;

  dmaLimits(): DmaLimits;
  dmaMap(mapping: DmaMapping): void;
  dmaUnmap(iova: bigint, size: number): void;
  /** The words of the IOMMU behind the device, where the way in tells them: iommufd's IOMMU_GET_HW_INFO. */
  iommuHardware?(): IommuHardware | undefined;
  /**
   * The pages of a mapped range that the IOMMU saw written to since the last call that asked for them; the first call switches the
   * tracking on. A string says why this way in, or this IOMMU, cannot tell.
   */
  dirty?(iova: bigint, size: number): Dirty | string;

  /** Calls back, once, on the event loop when the device or its server goes away. */
  onLost(listener: (reason: FailureDetails) => void): void;
  /** Releases everything; safe to call twice. */
  close(): void;
}
