import {
  allocatedHwpt,
  allocatedIoas,
  decodeHwInfo,
  decodeIovaRanges,
  destroyRequest,
  dirtyBitmapRequest,
  hwInfoRequest,
  hwptAllocRequest,
  IOMMU_DESTROY,
  IOMMU_GET_HW_INFO,
  IOMMU_HW_CAP_DIRTY_TRACKING,
  IOMMU_HWPT_ALLOC,
  IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
  IOMMU_HWPT_GET_DIRTY_BITMAP,
  IOMMU_HWPT_SET_DIRTY_TRACKING,
  IOMMU_IOAS_ALLOC,
  IOMMU_IOAS_IOVA_RANGES,
  IOMMU_IOAS_MAP,
  IOMMU_IOAS_UNMAP,
  ioasAllocRequest,
  ioasMapRequest,
  ioasUnmapRequest,
  iovaRangeCount,
  iovaRangesRequest,
  setDirtyTrackingRequest,
  type IommuHardware,
} from '../abi/iommufd.js';
import { attachIommufdRequest, VFIO_DEVICE_ATTACH_IOMMUFD_PT } from '../abi/vfio.js';
import {
  errnoName,
  ioctl,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  memoryAt,
  mmap,
  munmap,
  pageSize,
  PROT_READ,
  PROT_WRITE,
} from '../sys/libc.js';
import { checked, plainMeaning } from './kernel-call.js';
import { mapMeaning, noMapping } from './kernel-dma.js';
import type { DmaPort } from './kernel-device.js';
import type { Dirty, DmaLimits, DmaMapping } from './transport.js';

/** More ranges than any IOMMU has: a larger number is not believed. */
const MOST_RANGES = 1 << 16;

/** More bytes than any IOMMU's words take: SMMUv3's are 40. */
const HARDWARE_BYTES = 256;

/** The device as VFIO and iommufd know it. */
export interface BoundDevice {
  /** Its fd. */
  readonly fd: number;
  /** Its id, from VFIO_DEVICE_BIND_IOMMUFD. */
  readonly id: number;
}

/** DMA mappings in an I/O address space (IOAS) of iommufd. */
export class IommufdPort implements DmaPort {
  readonly #iommufd: number;
  readonly #device: string;
  /** The id of the address space, for VFIO_DEVICE_ATTACH_IOMMUFD_PT. */
  readonly ioas: number;
  readonly #bound: BoundDevice;
  /** The page table that tracks what is written, from the first time that it was asked for. */
  #tracking: number | undefined;

  /** Allocates an empty address space; `iommufd` is an fd of /dev/iommu. */
  constructor(iommufd: number, device: string, bound: BoundDevice) {
    this.#iommufd = iommufd;
    this.#device = device;
    this.#bound = bound;
    const request = ioasAllocRequest();
    checked('IOMMU_IOAS_ALLOC', device, ioctl(iommufd, IOMMU_IOAS_ALLOC, request), plainMeaning);
    this.ioas = allocatedIoas(request);
  }

  limits(): DmaLimits {
    const bytesPerRange = 16;
    for (let room = pageSize() / bytesPerRange; ;) {
      const answer = this.#withMemory(room * bytesPerRange, (memory, address) => {
        const request = iovaRangesRequest(this.ioas, room, address);
        const result = ioctl(this.#iommufd, IOMMU_IOAS_IOVA_RANGES, request);
        if (result.errno !== 0 && errnoName(result.errno) === 'EMSGSIZE' && room < MOST_RANGES) {
          room = Math.min(Math.max(iovaRangeCount(request), room * 2), MOST_RANGES);
          return undefined;
        }
        checked('IOMMU_IOAS_IOVA_RANGES', this.#device, result, plainMeaning);
        return decodeIovaRanges(request, memory);
      });
      if (answer !== undefined) return answer;
    }
  }

  /** Runs `use` with zeroed memory for the kernel to write to, which is gone afterwards. */
  #withMemory<T>(length: number, use: (memory: Uint8Array, address: bigint) => T): T {
    const mapped = mmap(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const address = checked('mmap', this.#device, mapped, plainMeaning);
    try {
      return use(new Uint8Array(memoryAt(address, length)), BigInt(address));
    } finally {
      munmap(address, length);
    }
  }

  map(mapping: DmaMapping): void {
    const result = ioctl(this.#iommufd, IOMMU_IOAS_MAP, ioasMapRequest(this.ioas, mapping));
    checked('IOMMU_IOAS_MAP', this.#device, result, (errno) => mapMeaning(errno, mapping));
  }

  unmap(iova: bigint, size: number): void {
    const result = ioctl(this.#iommufd, IOMMU_IOAS_UNMAP, ioasUnmapRequest(this.ioas, iova, size));
    checked('IOMMU_IOAS_UNMAP', this.#device, result, (errno) =>
      errno === 'ENOENT' || errno === 'EINVAL' ? noMapping(iova, size) : plainMeaning(errno),
    );
  }
  /** Undefined where the kernel has no IOMMU_GET_HW_INFO (before Linux 6.6). */
  hardware(): IommuHardware | undefined {
    return this.#withMemory(HARDWARE_BYTES, (memory, address) => {
      const request = hwInfoRequest(this.#bound.id, HARDWARE_BYTES, address);
      const result = ioctl(this.#iommufd, IOMMU_GET_HW_INFO, request);
      if (result.errno !== 0 && missing(errnoName(result.errno))) return undefined;
      checked('IOMMU_GET_HW_INFO', this.#device, result, plainMeaning);
      const info = decodeHwInfo(request, memory);
      return { ...info, data: info.data.slice() };
    });
  }

  dirty(iova: bigint, size: number): Dirty | string {
    const unit = pageSize();
    if (this.#tracking === undefined) {
      const tracking = this.#track();
      if (typeof tracking === 'string') return tracking;
      this.#tracking = tracking;
      return { pageSize: unit, offsets: [], began: true };
    }
    const hwpt = this.#tracking;
    const pages = Math.ceil(size / unit);
    return this.#withMemory(8 * Math.ceil(pages / 64), (bitmap, address) => {
      const request = dirtyBitmapRequest(hwpt, { iova, size, pageSize: unit }, address);
      const result = ioctl(this.#iommufd, IOMMU_HWPT_GET_DIRTY_BITMAP, request);
      checked('IOMMU_HWPT_GET_DIRTY_BITMAP', this.#device, result, plainMeaning);
      const offsets: number[] = [];
      for (let page = 0; page < pages; page++) {
        if (((bitmap[page >> 3] ?? 0) & (1 << (page & 7))) !== 0) offsets.push(page * unit);
      }
      return { pageSize: unit, offsets, began: false };
    });
  }

  /**
   * Puts the device on a page table that tracks what is written, with the mappings of the same address space, and switches the tracking
   * on. Returns that table's id, or why it cannot be.
   */
  #track(): number | string {
    const hardware = this.hardware();
    if (hardware === undefined)
      return 'this kernel cannot be asked whether the IOMMU tracks dirty pages (Linux 6.6 can)';
    if ((hardware.capabilities & IOMMU_HW_CAP_DIRTY_TRACKING) === 0n) {
      return 'the IOMMU does not track dirty pages (IOMMU_GET_HW_INFO: no IOMMU_HW_CAP_DIRTY_TRACKING)';
    }
    const table = hwptAllocRequest(IOMMU_HWPT_ALLOC_DIRTY_TRACKING, this.#bound.id, this.ioas);
    checked('IOMMU_HWPT_ALLOC', this.#device, ioctl(this.#iommufd, IOMMU_HWPT_ALLOC, table), plainMeaning);
    const hwpt = allocatedHwpt(table);
    try {
      const attach = ioctl(this.#bound.fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, attachIommufdRequest(hwpt));
      checked('VFIO_DEVICE_ATTACH_IOMMUFD_PT', this.#device, attach, plainMeaning);
    } catch (error) {
      ioctl(this.#iommufd, IOMMU_DESTROY, destroyRequest(hwpt));
      throw error;
    }
    const enable = ioctl(this.#iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING, setDirtyTrackingRequest(hwpt, true));
    checked('IOMMU_HWPT_SET_DIRTY_TRACKING', this.#device, enable, plainMeaning);
    return hwpt;
  }
}

/** Whether an errno says that this kernel does not know the request, or has nothing to say for this device. */
function missing(errno: string): boolean {
  return errno === 'ENOTTY' || errno === 'EOPNOTSUPP' || errno === 'ENOIOCTLCMD';
}
