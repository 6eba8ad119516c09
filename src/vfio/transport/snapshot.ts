import {
  decodeDeviceInfo,
  decodeIrqInfo,
  decodeRegionInfo,
  encodeDeviceInfo,
  encodeIrqInfo,
  encodeRegionInfo,
  VFIO_DEVICE_FLAGS_RESET,
  VFIO_REGION_INFO_FLAG_READ,
} from '../abi/vfio.js';
import { VfioError } from '../errors.js';
import { type Image, readImage } from '../snapshot/image.js';
import { type RegisterMap, registersIn } from '../registers/register-map.js';
import type { Snapshot } from '../snapshot/format.js';
import type { DeviceInfo, DmaLimits, IrqInfo, RegionInfo, Transport } from './transport.js';

/** A device as a snapshot file shows it: reads answer with what was read then, all else is refused. */
export class SnapshotTransport implements Transport {
  readonly via = 'snapshot';
  readonly accessPath = 'snapshot';
  readonly maxTransfer = 2 ** 20;
  readonly warnings: readonly string[];
  readonly name: string;
  readonly info: DeviceInfo;
  readonly #image: Image;

  private constructor(image: Image, file: string) {
    this.#image = image;
    const { snapshot, problems } = image;
    // Not the name of the device itself, which may be open beside it.
    this.name = `snapshot:${file}`;
    const { flags, regionCount, irqCount } = snapshot.device;
    this.info = decodeDeviceInfo(encodeDeviceInfo({ flags: flags & ~VFIO_DEVICE_FLAGS_RESET, regionCount, irqCount }));
    this.warnings = [
      `${file} shows ${snapshot.device.name} as it was at ${snapshot.taken}; nothing here is live`,
      ...problems,
    ];
  }

  /** Opens a file that `snapshot` wrote. Throws VfioError where it is none. */
  static open(file: string): SnapshotTransport {
    return new SnapshotTransport(readImage(file), file);
  }

  /** Those with something to be read here. */
  get registerMaps(): readonly RegisterMap[] {
    const names = new Set([...this.#image.regions.values()].map(({ name }) => name));
    return this.#image.registers.maps.filter(({ children }) =>
      [...registersIn(children)].some(({ space }) => names.has(space)),
    );
  }

  /** What was known of the kind of device; nothing in files of version 1, and of devices behind sockets. */
  get ids(): Snapshot['device']['ids'] {
    return this.#image.snapshot.device.ids;
  }

  /** The name of the device itself. */
  get shows(): string {
    return this.#image.snapshot.device.name;
  }

  regionInfo(index: number): RegionInfo {
    const region = this.#image.snapshot.regions.find((one) => one.index === index);
    const flags = (region?.flags ?? 0) & VFIO_REGION_INFO_FLAG_READ;
    return decodeRegionInfo(
      encodeRegionInfo({ index, flags, size: region?.size ?? 0, fileOffset: 0n, msixMappable: false }),
    );
  }

  irqInfo(index: number): IrqInfo {
    const irq = this.#image.snapshot.irqs.find((one) => one.index === index);
    return decodeIrqInfo(encodeIrqInfo({ index, flags: irq?.flags ?? 0, count: irq?.count ?? 0 }));
  }

  read(region: RegionInfo, offset: number, into: Uint8Array): void {
    const kept = this.#image.regions.get(region.index);
    const end = offset + into.byteLength;
    if (kept?.kept.read(offset, into) === true) return;
    const gap = kept?.missing.find((one) => one.start < end && one.end > offset);
    throw new VfioError({
      kind: 'access',
      operation: 'read',
      why: `not in the snapshot${gap ? ` (${gap.reason})` : ''}`,
    });
  }

  write(): never {
    return this.#refuse('write');
  }

  splits(): undefined {
    return undefined;
  }

  mappingFd(): undefined {
    return undefined;
  }

  setIrqs(): never {
    return this.#refuse('set interrupts');
  }

  reset(): never {
    return this.#refuse('reset');
  }

  dmaLimits(): DmaLimits {
    return { ranges: [], pageSizes: 0n };
  }

  dmaMap(): never {
    return this.#refuse('map DMA');
  }

  dmaUnmap(): never {
    return this.#refuse('unmap DMA');
  }

  onLost(): void {
    // A file does not go away.
  }

  close(): void {
    // What was read of the file goes with this.
  }

  #refuse(operation: string): never {
    throw new VfioError({
      kind: 'readonly',
      operation,
      device: this.name,
      why: 'a snapshot can only be looked at',
      hint: 'open the device itself',
    });
  }
}
