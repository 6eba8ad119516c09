import type { IrqSet } from '../abi/irq-set.js';
import {
  VFIO_DEVICE_FLAGS_AMBA,
  VFIO_DEVICE_FLAGS_PCI,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_NUM_REGIONS,
  VFIO_REGION_INFO_FLAG_MMAP,
  VFIO_REGION_INFO_FLAG_READ,
  VFIO_REGION_INFO_FLAG_WRITE,
} from '../abi/vfio.js';
import type { DeviceInfo, IrqInfo, RegionInfo } from '../transport/transport.js';
import type { DmaSpace } from './dma-space.js';
import { Interrupts, irqFlags } from './interrupts.js';
import {
  EFAULT,
  EINVAL,
  EIO,
  Refusal,
  type AccessSize,
  type Area,
  type Host,
  type Model,
  type ModelFactory,
  type RegionModel,
  type Registers,
} from './model.js';
import { RegionMemory } from './region-memory.js';
import { Timers } from './timers.js';

/** One region: what it is, and what answers an access to it. */
interface Region {
  readonly size: number;
  readonly flags: number;
  readonly sparse?: readonly Area[];
  readonly memory?: RegionMemory;
  /** For accesses outside of mapped memory. */
  readonly registers?: Registers;
}

const RW = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
const accessFlags = { rw: RW, ro: VFIO_REGION_INFO_FLAG_READ, wo: VFIO_REGION_INFO_FLAG_WRITE } as const;
const absent: Region = { size: 0, flags: 0 };

/**
 * A model with everything around it that VFIO gives a device: regions with their bounds and permissions, interrupts, DMA. It answers as the kernel's
 * vfio-pci and vfio-platform do; whatever they refuse throws a Refusal with their errno.
 */
export class SimulatedDevice {
  readonly #model: Model;
  readonly #regions: readonly (Region | undefined)[];
  readonly #interrupts: Interrupts;
  readonly #timers = new Timers();
  readonly #dma: DmaSpace;
  /** The widest access that the bus makes of a longer transfer; vfio-platform never makes one of 8 bytes. */
  readonly #widest: AccessSize;
  readonly #scratch = Buffer.alloc(8);

  constructor(name: string, factory: ModelFactory, dma: DmaSpace) {
    this.#dma = dma;
    const model = factory(this.#host());
    this.#model = model;
    this.#widest = model.bus === 'pci' ? 8 : 4;
    this.#interrupts = new Interrupts(model.irqs, model.config);
    const regions = this.#makeRegions(name);
    if (model.config === undefined) this.#regions = regions;
    else {
      const config: Region = { size: model.config.size, flags: RW, registers: model.config };
      const bars = Array.from({ length: VFIO_PCI_CONFIG_REGION_INDEX }, (_, index) => regions[index] ?? absent);
      this.#regions = bars.concat(config);
    }
    model.config?.onCommand(() => this.#commandChanged());
  }

  get info(): Pick<DeviceInfo, 'flags' | 'regionCount' | 'irqCount'> {
    const { bus, irqs } = this.#model;
    const flags = bus === 'pci' ? VFIO_DEVICE_FLAGS_PCI : VFIO_DEVICE_FLAGS_AMBA;
    return {
      flags: this.#model.reset === undefined ? flags : flags | VFIO_DEVICE_FLAGS_RESET,
      regionCount: bus === 'pci' ? VFIO_PCI_NUM_REGIONS : this.#regions.length,
      irqCount: irqs.length,
    };
  }

  /** Region `index`, with the fd to map it from where it can be mapped. */
  regionInfo(index: number): {
    readonly info: Pick<RegionInfo, 'index' | 'flags' | 'size' | 'fileOffset' | 'sparse' | 'msixMappable'>;
    readonly fd: number | undefined;
  } {
    const region = this.#at(index);
    const { size, flags, sparse } = region;
    const info = { index, flags, size, fileOffset: 0n, msixMappable: false, ...(sparse !== undefined && { sparse }) };
    return { info, fd: region.memory?.fd };
  }

  irqInfo(index: number): Pick<IrqInfo, 'index' | 'flags' | 'count'> {
    const irq = this.#model.irqs[index];
    if (irq === undefined) throw new Refusal(EINVAL, `there is no interrupt ${index}`);
    return { index, flags: irqFlags[irq.kind], count: irq.count };
  }

  read(index: number, offset: bigint, into: Buffer): void {
    const region = this.#admit(index, offset, into.length, VFIO_REGION_INFO_FLAG_READ);
    this.#split(region, Number(offset), into.length, (part, at, start, length) => {
      if (part instanceof RegionMemory) part.read(at, into.subarray(start, start + length));
      else {
        this.#scratch.writeBigUInt64LE(BigInt.asUintN(64, part.read(at, length as AccessSize)));
        this.#scratch.copy(into, start, 0, length);
      }
    });
  }

  write(index: number, offset: bigint, from: Buffer): void {
    const region = this.#admit(index, offset, from.length, VFIO_REGION_INFO_FLAG_WRITE);
    this.#split(region, Number(offset), from.length, (part, at, start, length) => {
      if (part instanceof RegionMemory) part.write(at, from.subarray(start, start + length));
      else {
        this.#scratch.fill(0);
        from.copy(this.#scratch, 0, start, start + length);
        part.write(at, length as AccessSize, this.#scratch.readBigUInt64LE());
      }
    });
  }

  /** Owns `fds` unless it throws. */
  setIrqs(set: IrqSet, fds: readonly number[]): void {
    this.#interrupts.set(set, fds);
  }

  reset(): void {
    if (this.#model.reset === undefined) throw new Refusal(EINVAL, 'the device has no reset');
    this.#timers.cancelAll();
    this.#model.reset();
    this.#interrupts.deassertAll();
  }

  /** Stops the device and closes every fd of the client's and of its own. */
  close(): void {
    this.#timers.cancelAll();
    this.#interrupts.disableAll();
    this.#dma.clear();
    for (const region of this.#regions) region?.memory?.close();
  }

  #host(): Host {
    const mastering = (): void => {
      const { config } = this.#model;
      if (config !== undefined && !config.command.busMaster) throw new Refusal(EFAULT, 'bus mastering is off');
    };
    return {
      signal: (index, vector) => this.#interrupts.signal(index, vector),
      setLevel: (index, asserted) => this.#interrupts.setLevel(index, asserted),
      enabled: (index) => this.#interrupts.enabled(index),
      dmaRead: async (iova, length) => {
        mastering();
        return this.#dma.read(iova, length);
      },
      dmaWrite: async (iova, bytes) => {
        mastering();
        await this.#dma.write(iova, bytes);
      },
      setTimer: (ms, expired) => this.#timers.set(ms, expired),
      now: () => Date.now(),
    };
  }

  /** All or, where memory is short, none (then it throws a Refusal). */
  #makeRegions(name: string): Region[] {
    const made: Region[] = [];
    try {
      for (const [index, region] of this.#model.regions.entries())
        made.push(makeRegion(`${name}-region${index}`, region));
    } catch (error) {
      for (const region of made) region.memory?.close();
      throw error;
    }
    return made;
  }

  #at(index: number): Region {
    const region = this.#regions[index];
    if (region === undefined) throw new Refusal(EINVAL, `there is no region ${index}`);
    return region;
  }

  /** The region, if an access may be made there at all. */
  #admit(index: number, offset: bigint, length: number, right: number): Region {
    const region = this.#at(index);
    if ((region.flags & right) === 0) throw new Refusal(EINVAL, 'the region does not allow that');
    if (offset + BigInt(length) > BigInt(region.size)) throw new Refusal(EINVAL, 'past the end of the region');
    const { config } = this.#model;
    if (config !== undefined && region.registers !== config && !config.command.memoryDecode) {
      throw new Refusal(EIO, 'memory decode is off');
    }
    return region;
  }

  /** Makes of a transfer what the kernel's pread and pwrite make of it: aligned accesses as wide as they can be, lowest offset first. */
  #split(
    region: Region,
    offset: number,
    length: number,
    access: (part: Registers | RegionMemory, at: number, start: number, length: number) => void,
  ): void {
    for (let start = 0; start < length;) {
      const at = offset + start;
      const mapped = mappedRun(region, at, length - start);
      if (mapped > 0 && region.memory !== undefined) {
        access(region.memory, at, start, mapped);
        start += mapped;
        continue;
      }
      let size: number = this.#widest;
      while (at % size !== 0 || size > length - start) size /= 2;
      if (region.registers !== undefined) access(region.registers, at, start, size);
      start += size;
    }
  }

  #commandChanged(): void {
    const visible = this.#model.config?.command.memoryDecode === true;
    for (const region of this.#regions) region?.memory?.show(visible);
    this.#interrupts.commandChanged();
  }
}

function makeRegion(name: string, region: RegionModel | undefined): Region {
  if (region === undefined) return absent;
  const { size } = region;
  if (region.kind === 'registers') return { size, flags: accessFlags[region.access], registers: region.registers };
  const memory = new RegionMemory(name, size, region.contents);
  const flags = RW | VFIO_REGION_INFO_FLAG_MMAP;
  if (region.sparse === undefined) return { size, flags, memory };
  return { size, flags, memory, sparse: region.sparse.areas, registers: region.sparse.trapped };
}

/** How many of `length` bytes at `at` lie in memory that is mapped. */
function mappedRun(region: Region, at: number, length: number): number {
  if (region.memory === undefined) return 0;
  if (region.sparse === undefined) return length;
  const area = region.sparse.find(({ offset, size }) => at >= offset && at < offset + size);
  return area === undefined ? 0 : Math.min(length, area.offset + area.size - at);
}
