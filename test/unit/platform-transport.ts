import type {
  DeviceInfo,
  DmaLimits,
  DmaMapping,
  IrqInfo,
  RegionInfo,
  Transport,
} from '../../src/vfio/transport/transport.js';

/** What VFIO says of a made-up platform or AMBA device. */
export interface PlatformFacts {
  readonly name: string;
  readonly bus?: 'platform' | 'amba' | 'pci';
  /** Bytes of each region. */
  readonly regions: readonly number[];
  readonly irqs?: readonly ('level' | 'edge')[];
}

/** A platform device as the kernel's VFIO shows one. Whatever would touch it is kept in `touched`: nothing should. */
export class PlatformTransport implements Transport {
  readonly via = 'group';
  readonly accessPath = 'file';
  readonly maxTransfer = 2 ** 20;
  readonly warnings: readonly string[] = [];
  readonly touched: string[] = [];
  readonly #facts: PlatformFacts;

  constructor(facts: PlatformFacts) {
    this.#facts = facts;
  }

  get name(): string {
    return this.#facts.name;
  }

  get info(): DeviceInfo {
    const { bus = 'platform', regions, irqs = [] } = this.#facts;
    return { flags: 0, bus, resettable: false, regionCount: regions.length, irqCount: irqs.length };
  }

  regionInfo(index: number): RegionInfo {
    const rights = { flags: 3, readable: true, writable: true, mappable: false, msixMappable: false };
    return { index, size: this.#facts.regions[index] ?? 0, fileOffset: BigInt(index) << 40n, ...rights };
  }

  irqInfo(index: number): IrqInfo {
    const isLevel = this.#facts.irqs?.[index] === 'level';
    const flags = isLevel ? 7 : 1;
    return { index, flags, eventfd: true, maskable: isLevel, automasked: isLevel, noResize: false, count: 1 };
  }

  read(region: RegionInfo, offset: number, into: Uint8Array): void {
    this.touched.push(`read ${region.index}+${offset}`);
    into.fill(0);
  }

  write(region: RegionInfo, offset: number): void {
    this.touched.push(`write ${region.index}+${offset}`);
  }

  splits(): undefined {
    return undefined;
  }

  mappingFd(): undefined {
    return undefined;
  }

  setIrqs(index: number): void {
    this.touched.push(`irq ${index}`);
  }

  reset(): void {
    this.touched.push('reset');
  }

  dmaLimits(): DmaLimits {
    return { ranges: [], pageSizes: 0n };
  }

  dmaMap(_mapping: DmaMapping): void {
    this.touched.push('map');
  }

  dmaUnmap(_iova: bigint, _size: number): void {
    this.touched.push('unmap');
  }

  onLost(): void {
    // It stays.
  }

  close(): void {
    // Nothing is held.
  }
}
