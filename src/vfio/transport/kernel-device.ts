import type { IommuHardware } from '../abi/iommufd.js';
import { encodeIrqSet } from '../abi/irq-set.js';
import {
  answeredSize,
  decodeDeviceInfo,
  decodeIrqInfo,
  decodeRegionInfo,
  deviceInfoRequest,
  encodeIrqInfo,
  encodeRegionInfo,
  irqInfoRequest,
  REGION_INFO_BYTES,
  regionInfoRequest,
  VFIO_DEVICE_GET_INFO,
  VFIO_DEVICE_GET_IRQ_INFO,
  VFIO_DEVICE_GET_REGION_INFO,
  VFIO_DEVICE_RESET,
  VFIO_DEVICE_SET_IRQS,
  VFIO_PCI_BAR5_REGION_INDEX,
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../abi/vfio.js';
import { takenBack } from '../departure.js';
import { VfioError, type FailureDetails, type Meaning } from '../errors.js';
import { errnoName, ioctl, pread, pwrite, type Result } from '../sys/libc.js';
import { checked, gone, plainMeaning, refused, type FdSet } from './kernel-call.js';
import { kernelSplits, type KernelAccess } from './kernel-splits.js';
import { findMsixTable, type MsixTable } from './msix-table.js';
import type {
  DeviceInfo,
  Dirty,
  DmaLimits,
  DmaMapping,
  IrqAction,
  IrqData,
  IrqInfo,
  RegionInfo,
  Transport,
} from './transport.js';

/** The IOMMU side of a way in: type1 of a container, an IOAS of iommufd, or none. */
export interface DmaPort {
  limits(): DmaLimits;
  map(mapping: DmaMapping): void;
  unmap(iova: bigint, size: number): void;
  /** What the kernel tells of the IOMMU's own words; undefined where it does not. */
  hardware?(): IommuHardware | undefined;
  dirty(iova: bigint, size: number): Dirty | string;
}

/** Tells when the kernel takes a device's node away; the returned function ends the watch. */
export type Departure = (departed: () => void) => () => void;

export interface KernelDeviceParts {
  readonly via: 'group' | 'cdev';
  readonly name: string;
  readonly group?: string;
  readonly warnings: readonly string[];
  /** The device's fd. */
  readonly fd: number;
  /** Every fd of the way in, the device's among them: closing is theirs. */
  readonly fds: FdSet;
  readonly dma: DmaPort;
  readonly access: Omit<KernelAccess, 'bus'>;
  readonly departure: Departure;
}

/** A capability chain larger than this is no kernel's. */
const MOST_INFO_BYTES = 1 << 16;

/**
 * A device that the kernel's VFIO opened: what group and cdev have in common, all on the device's fd.
 * Nothing is enabled, mapped or cached here. Constructing it asks for VFIO_DEVICE_GET_INFO and nothing else.
 */
export class KernelDevice implements Transport {
  readonly via: 'group' | 'cdev';
  readonly name: string;
  readonly info: DeviceInfo;
  readonly warnings: readonly string[];
  readonly group?: string;
  readonly accessPath = 'file';
  readonly maxTransfer = 1 << 20;
  readonly #fd: number;
  readonly #fds: FdSet;
  readonly #dma: DmaPort;
  readonly #access: KernelAccess;
  readonly #departure: Departure;
  readonly #listeners: ((reason: FailureDetails) => void)[] = [];
  #endWatch: (() => void) | undefined;
  #msixTable: MsixTable | undefined;
  #lost: FailureDetails | undefined;
  #closed = false;

  constructor(parts: KernelDeviceParts) {
    this.via = parts.via;
    this.name = parts.name;
    this.warnings = parts.warnings;
    if (parts.group !== undefined) this.group = parts.group;
    this.#fd = parts.fd;
    this.#fds = parts.fds;
    this.#dma = parts.dma;
    this.#departure = parts.departure;
    const answer = deviceInfoRequest();
    this.#check('VFIO_DEVICE_GET_INFO', ioctl(this.#fd, VFIO_DEVICE_GET_INFO, answer), plainMeaning);
    this.info = decodeDeviceInfo(answer);
    this.#access = { bus: this.info.bus, ...parts.access };
  }

  regionInfo(index: number): RegionInfo {
    this.#open('VFIO_DEVICE_GET_REGION_INFO');
    let answer = regionInfoRequest(index);
    if (!this.#has(answer, VFIO_DEVICE_GET_REGION_INFO, 'VFIO_DEVICE_GET_REGION_INFO', index, this.info.regionCount)) {
      return decodeRegionInfo(encodeRegionInfo({ index, flags: 0, size: 0, fileOffset: 0n, msixMappable: false }));
    }
    const size = answeredSize(answer);
    if (size > REGION_INFO_BYTES) {
      answer = regionInfoRequest(index, Math.min(size, MOST_INFO_BYTES));
      const again = ioctl(this.#fd, VFIO_DEVICE_GET_REGION_INFO, answer);
      this.#check('VFIO_DEVICE_GET_REGION_INFO', again, plainMeaning);
    }
    return decodeRegionInfo(answer);
  }

  irqInfo(index: number): IrqInfo {
    this.#open('VFIO_DEVICE_GET_IRQ_INFO');
    const answer = irqInfoRequest(index);
    if (!this.#has(answer, VFIO_DEVICE_GET_IRQ_INFO, 'VFIO_DEVICE_GET_IRQ_INFO', index, this.info.irqCount)) {
      return decodeIrqInfo(encodeIrqInfo({ index, flags: 0, count: 0 }));
    }
    return decodeIrqInfo(answer);
  }

  /** Asks for one index. vfio-pci answers EINVAL for an index below the count that this device lacks (VGA, ERR): false. */
  #has(answer: Buffer, request: number, operation: string, index: number, count: number): boolean {
    const result = ioctl(this.#fd, request, answer);
    if (result.errno !== 0 && errnoName(result.errno) === 'EINVAL' && index < count) return false;
    this.#check(operation, result, (errno) =>
      errno === 'EINVAL' ? { kind: 'absent', why: `there is no index ${index}: it has ${count}` } : plainMeaning(errno),
    );
    return true;
  }

  read(region: RegionInfo, offset: number, into: Uint8Array): void {
    this.#open('read');
    this.#avoidMsixTable('read', region, offset, into.byteLength);
    this.#moved('read', into.byteLength, pread(this.#fd, into, region.fileOffset + BigInt(offset)));
  }

  write(region: RegionInfo, offset: number, from: Uint8Array): void {
    this.#open('write');
    this.#avoidMsixTable('write', region, offset, from.byteLength);
    this.#moved('write', from.byteLength, pwrite(this.#fd, from, region.fileOffset + BigInt(offset)));
  }

  /** vfio-pci answers a pread of the MSI-X table with ones that nobody read, and drops a pwrite: neither is passed on as done. */
  #avoidMsixTable(operation: 'read' | 'write', region: RegionInfo, offset: number, bytes: number): void {
    if (this.info.bus !== 'pci' || region.index > VFIO_PCI_BAR5_REGION_INDEX) return;
    this.#msixTable ??= this.#findMsixTable();
    const { region: index, offset: start, size } = this.#msixTable;
    if (region.index !== index || offset >= start + size || offset + bytes <= start) return;
    throw new VfioError({
      kind: 'access',
      operation,
      device: this.name,
      why: 'vfio-pci hides the MSI-X table from this path: it makes up ones and drops writes',
      hint: 'a mapping shows it (option mmap), and `irq` tells what is enabled',
    });
  }

  /** Looks into config space once, at the first access to a BAR, and only on a device that has MSI-X. */
  #findMsixTable(): MsixTable {
    const none = { region: -1, offset: 0, size: 0 };
    if (this.irqInfo(VFIO_PCI_MSIX_IRQ_INDEX).count === 0) return none;
    const config = this.regionInfo(VFIO_PCI_CONFIG_REGION_INDEX);
    const found = findMsixTable((offset, bytes) => {
      const word = Buffer.alloc(bytes);
      this.read(config, offset, word);
      return word.readUIntLE(0, bytes);
    });
    return found ?? none;
  }

  #moved(operation: 'read' | 'write', bytes: number, result: Result): void {
    const done = this.#check(operation, result, (errno) => accessMeaning(errno));
    if (done === bytes) return;
    throw new VfioError({
      kind: 'access',
      operation,
      device: this.name,
      why: `the kernel moved ${done} of ${bytes} bytes`,
      hint: '`regions` shows where the region ends',
    });
  }

  splits(region: RegionInfo, offset: number, bytes: number): string | undefined {
    return kernelSplits(this.#access, region, offset, bytes);
  }

  mappingFd(region: RegionInfo): number | undefined {
    return region.mappable && !this.#closed ? this.#fd : undefined;
  }

  setIrqs(index: number, action: IrqAction, start: number, count: number, data: IrqData): void {
    this.#open('VFIO_DEVICE_SET_IRQS');
    const set = encodeIrqSet(index, action, start, count, data);
    const result = ioctl(this.#fd, VFIO_DEVICE_SET_IRQS, set);
    const had = this.#check('VFIO_DEVICE_SET_IRQS', result, (errno) => irqMeaning(errno, index, action));
    // vfio-pci passes on what pci_alloc_irq_vectors() could get where that is fewer than asked for.
    if (had > 0) {
      throw new VfioError({
        kind: 'limit',
        operation: 'VFIO_DEVICE_SET_IRQS',
        device: this.name,
        why: `only ${had} of ${count} vectors could be had from the system`,
        hint: `enable ${had} or fewer`,
      });
    }
  }

  reset(): void {
    this.#open('VFIO_DEVICE_RESET');
    this.#check('VFIO_DEVICE_RESET', ioctl(this.#fd, VFIO_DEVICE_RESET, null), (errno) => {
      if (errno === 'EINVAL' || errno === 'ENOTTY' || errno === 'EOPNOTSUPP') {
        return {
          kind: 'unsupported',
          why: 'the kernel has no reset for this device',
          hint: 'close it and open it again',
        };
      }
      if (errno === 'EAGAIN')
        return { kind: 'busy', why: 'the device is being reset or reconfigured', hint: 'try again' };
      return plainMeaning(errno);
    });
  }

  dmaLimits(): DmaLimits {
    this.#open('ask for the DMA limits');
    return this.#dma.limits();
  }

  dmaMap(mapping: DmaMapping): void {
    this.#open('map for DMA');
    this.#dma.map(mapping);
  }

  dmaUnmap(iova: bigint, size: number): void {
    this.#open('unmap from DMA');
    this.#dma.unmap(iova, size);
  }

  iommuHardware(): IommuHardware | undefined {
    this.#open('ask for the IOMMU');
    return this.#dma.hardware?.();
  }

  dirty(iova: bigint, size: number): Dirty | string {
    this.#open('ask for dirty pages');
    return this.#dma.dirty(iova, size);
  }

  onLost(listener: (reason: FailureDetails) => void): void {
    this.#listeners.push(listener);
    if (this.#lost !== undefined) this.#tell();
    else this.#endWatch ??= this.#departure(() => this.#departed());
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endWatch?.();
    this.#listeners.length = 0;
    this.#fds.close();
  }

  #departed(): void {
    this.#lose(takenBack(this.name));
  }

  #lose(reason: FailureDetails): void {
    if (this.#lost !== undefined || this.#closed) return;
    this.#lost = reason;
    this.#endWatch?.();
    this.#endWatch = undefined;
    this.#tell();
  }

  #tell(): void {
    const reason = this.#lost;
    const listeners = this.#listeners.splice(0);
    if (reason !== undefined && listeners.length > 0) {
      setImmediate(() => {
        for (const listener of listeners) listener(reason);
      });
    }
  }

  #open(operation: string): void {
    if (!this.#closed) return;
    throw new VfioError({
      kind: 'lost',
      operation,
      device: this.name,
      why: 'the device is closed',
      hint: 'open it again',
    });
  }

  #check(operation: string, result: Result, explain: (errno: string) => Meaning): number {
    if (result.errno !== 0 && gone(errnoName(result.errno))) {
      const error = refused(operation, this.name, result.errno, plainMeaning(errnoName(result.errno)));
      this.#lose(error.details);
      throw error;
    }
    return checked(operation, this.name, result, explain);
  }
}

/** Why one pread or pwrite was refused, without having looked at the device. */
function accessMeaning(errno: string): Meaning {
  if (errno === 'EIO') {
    return {
      kind: 'access',
      why: 'the device does not answer: memory decode is off, or it sleeps',
      hint: 'see COMMAND.MEM in config space (bit 1 at 0x4)',
    };
  }
  if (errno === 'EINVAL') return { kind: 'access', why: 'the kernel does not carry out this access on this region' };
  if (errno === 'ENOMEM') return { kind: 'access', why: 'the kernel could not map the region for itself' };
  if (errno === 'EBUSY') return { kind: 'access', why: 'the kernel has the region reserved for something else' };
  return { kind: 'access', why: 'the kernel refused the access' };
}

function irqMeaning(errno: string, index: number, action: IrqAction): Meaning {
  if (errno === 'EINVAL') {
    return {
      kind: 'unsupported',
      why: `the kernel does not ${action} interrupt ${index} like this: it lacks the vector, is not enabled, or another kind is on`,
      hint: 'an index is enabled before it is masked or triggered, and INTx, MSI and MSI-X exclude each other',
    };
  }
  if (errno === 'ENOTTY') {
    return { kind: 'unsupported', why: `the kernel knows no ${action} for interrupt ${index}` };
  }
  if (errno === 'EBUSY') return { kind: 'busy', why: `interrupt ${index} is in use` };
  if (errno === 'ENOSPC') return { kind: 'limit', why: 'the system has no interrupt vectors left' };
  if (errno === 'EBADF') return { kind: 'kernel', why: 'an eventfd of the request is closed' };
  return plainMeaning(errno);
}
