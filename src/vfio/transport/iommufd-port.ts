import {
  allocatedIoas,
  decodeIovaRanges,
  IOMMU_IOAS_ALLOC,
  IOMMU_IOAS_IOVA_RANGES,
  IOMMU_IOAS_MAP,
  IOMMU_IOAS_UNMAP,
  ioasAllocRequest,
  ioasMapRequest,
  ioasUnmapRequest,
  iovaRangeCount,
  iovaRangesRequest,
} from '../abi/iommufd.js';
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
import type { DmaLimits, DmaMapping } from './transport.js';

/** More ranges than any IOMMU has: a larger number is not believed. */
const MOST_RANGES = 1 << 16;

/** DMA mappings in an I/O address space (IOAS) of iommufd. */
export class IommufdPort implements DmaPort {
  readonly #iommufd: number;
  readonly #device: string;
  /** The id of the address space, for VFIO_DEVICE_ATTACH_IOMMUFD_PT. */
  readonly ioas: number;

  /** Allocates an empty address space; `iommufd` is an fd of /dev/iommu. */
  constructor(iommufd: number, device: string) {
    this.#iommufd = iommufd;
    this.#device = device;
    const request = ioasAllocRequest();
    checked('IOMMU_IOAS_ALLOC', device, ioctl(iommufd, IOMMU_IOAS_ALLOC, request), plainMeaning);
    this.ioas = allocatedIoas(request);
  }

  limits(): DmaLimits {
    const bytesPerRange = 16;
    for (let room = pageSize() / bytesPerRange; ;) {
      const length = room * bytesPerRange;
      const mapped = mmap(length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      const address = checked('mmap', this.#device, mapped, plainMeaning);
      try {
        const request = iovaRangesRequest(this.ioas, room, BigInt(address));
        const result = ioctl(this.#iommufd, IOMMU_IOAS_IOVA_RANGES, request);
        if (result.errno !== 0 && errnoName(result.errno) === 'EMSGSIZE' && room < MOST_RANGES) {
          room = Math.min(Math.max(iovaRangeCount(request), room * 2), MOST_RANGES);
          continue;
        }
        checked('IOMMU_IOAS_IOVA_RANGES', this.#device, result, plainMeaning);
        return decodeIovaRanges(request, new Uint8Array(memoryAt(address, length)));
      } finally {
        munmap(address, length);
      }
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
}
