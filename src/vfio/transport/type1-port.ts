import {
  decodeType1Info,
  dmaMapRequest,
  dmaUnmapRequest,
  TYPE1_INFO_BYTES,
  type1InfoRequest,
  unmappedBytes,
} from '../abi/type1.js';
import { answeredSize, VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA } from '../abi/vfio.js';
import { VfioError } from '../errors.js';
import { ioctl } from '../sys/libc.js';
import { checked, plainMeaning } from './kernel-call.js';
import { mapMeaning, noMapping } from './kernel-dma.js';
import type { DmaPort } from './kernel-device.js';
import type { DmaLimits, DmaMapping } from './transport.js';

/** A capability chain larger than this is no kernel's. */
const MOST_INFO_BYTES = 1 << 20;

/** DMA mappings of a container with the type1 IOMMU, version 2 (no unmapping of parts). */
export class Type1Port implements DmaPort {
  readonly #container: number;
  readonly #device: string;

  constructor(container: number, device: string) {
    this.#container = container;
    this.#device = device;
  }

  limits(): DmaLimits {
    let answer = type1InfoRequest();
    this.#getInfo(answer);
    const size = answeredSize(answer);
    if (size > TYPE1_INFO_BYTES) {
      answer = type1InfoRequest(Math.min(size, MOST_INFO_BYTES));
      this.#getInfo(answer);
    }
    return decodeType1Info(answer);
  }

  #getInfo(answer: Buffer): void {
    const result = ioctl(this.#container, VFIO_IOMMU_GET_INFO, answer);
    checked('VFIO_IOMMU_GET_INFO', this.#device, result, plainMeaning);
  }

  map(mapping: DmaMapping): void {
    const result = ioctl(this.#container, VFIO_IOMMU_MAP_DMA, dmaMapRequest(mapping));
    checked('VFIO_IOMMU_MAP_DMA', this.#device, result, (errno) => mapMeaning(errno, mapping));
  }

  unmap(iova: bigint, size: number): void {
    const request = dmaUnmapRequest(iova, size);
    const result = ioctl(this.#container, VFIO_IOMMU_UNMAP_DMA, request);
    checked('VFIO_IOMMU_UNMAP_DMA', this.#device, result, (errno) =>
      errno === 'EINVAL' ? noMapping(iova, size) : plainMeaning(errno),
    );
    if (unmappedBytes(request) === BigInt(size)) return;
    throw new VfioError({ operation: 'VFIO_IOMMU_UNMAP_DMA', device: this.#device, ...noMapping(iova, size) });
  }
  /** VFIO_IOMMU_DIRTY_PAGES calls every page dirty that is pinned for an IOMMU: it is no tracking of what was written. */
  dirty(): string {
    return "a container's type1 IOMMU counts every mapped page as dirty; where the IOMMU tracks them, --via cdev tells";
  }
}

/** The port of a no-IOMMU group: there is nothing to map, the device sees physical memory. */
export class NoIommuPort implements DmaPort {
  readonly #device: string;

  constructor(device: string) {
    this.#device = device;
  }

  limits(): DmaLimits {
    throw this.#none('ask for the DMA limits');
  }

  map(): void {
    throw this.#none('map for DMA');
  }

  unmap(): void {
    throw this.#none('unmap from DMA');
  }

  dirty(): string {
    return 'there is no IOMMU that could see what the device writes';
  }

  #none(operation: string): VfioError {
    return new VfioError({
      kind: 'unsupported',
      operation,
      device: this.#device,
      why: 'a no-IOMMU group translates nothing: the device sends physical addresses',
      hint: 'DMA can be tried safely only behind an IOMMU',
    });
  }
}
