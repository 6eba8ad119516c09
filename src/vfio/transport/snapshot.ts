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
import { type RegionSnapshot, type Snapshot, readSnapshot } from '../snapshot.js';
import { bytesOf } from '../width.js';
import type { DeviceInfo, DmaLimits, IrqInfo, RegionInfo, Transport } from './transport.js';

interface Kept {
  readonly bytes: Uint8Array;
  /** 1 for each byte that the snapshot holds. */
  readonly known: Uint8Array;
  readonly missing: RegionSnapshot['missing'];
}

/** No region of a snapshot is larger than this, so that a wrong size in a file does not take all memory. */
const MOST_BYTES = 256 * 2 ** 20;

/** A device as a snapshot file shows it: reads answer with what was read then, all else is refused. */
export class SnapshotTransport implements Transport {
  readonly via = 'snapshot';
  readonly accessPath = 'snapshot';
  readonly maxTransfer = 2 ** 20;
  readonly warnings: readonly string[];
  readonly name: string;
  readonly info: DeviceInfo;
  readonly #snapshot: Snapshot;
  readonly #kept = new Map<number, Kept>();

  private constructor(snapshot: Snapshot, file: string) {
    this.#snapshot = snapshot;
    // Not the name of the device itself, which may be open beside it.
    this.name = `snapshot:${file}`;
    const { flags, regionCount, irqCount } = snapshot.device;
    this.info = decodeDeviceInfo(encodeDeviceInfo({ flags: flags & ~VFIO_DEVICE_FLAGS_RESET, regionCount, irqCount }));
    this.warnings = [`${file} shows ${snapshot.device.name} as it was at ${snapshot.taken}; nothing here is live`];
    for (const region of snapshot.regions) this.#kept.set(region.index, unpack(region, file));
  }

  /** Opens a file that `snapshot` wrote. Throws VfioError where it is none. */
  static open(file: string): SnapshotTransport {
    return new SnapshotTransport(readSnapshot(file), file);
  }

  regionInfo(index: number): RegionInfo {
    const region = this.#snapshot.regions.find((one) => one.index === index);
    const flags = (region?.flags ?? 0) & VFIO_REGION_INFO_FLAG_READ;
    return decodeRegionInfo(
      encodeRegionInfo({ index, flags, size: region?.size ?? 0, fileOffset: 0n, msixMappable: false }),
    );
  }

  irqInfo(index: number): IrqInfo {
    const irq = this.#snapshot.irqs.find((one) => one.index === index);
    return decodeIrqInfo(encodeIrqInfo({ index, flags: irq?.flags ?? 0, count: irq?.count ?? 0 }));
  }

  read(region: RegionInfo, offset: number, into: Uint8Array): void {
    const kept = this.#kept.get(region.index);
    const end = offset + into.byteLength;
    if (!kept || kept.known.subarray(offset, end).includes(0) || end > kept.known.byteLength) {
      const gap = kept?.missing.find((one) => one.start < end && one.end > offset);
      throw new VfioError({
        kind: 'access',
        operation: 'read',
        why: `not in the snapshot${gap ? ` (${gap.reason})` : ''}`,
      });
    }
    into.set(kept.bytes.subarray(offset, end));
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
    this.#kept.clear();
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

function unpack(region: RegionSnapshot, file: string): Kept {
  const refuse = (why: string): VfioError =>
    new VfioError({
      kind: 'absent',
      operation: `open snapshot ${file}`,
      why: `regions of index ${region.index}: ${why}`,
    });
  if (region.size > MOST_BYTES)
    throw refuse(`${region.size} bytes are more than the ${MOST_BYTES} a snapshot may hold`);
  const kept = { bytes: new Uint8Array(region.size), known: new Uint8Array(region.size), missing: region.missing };
  const view = new DataView(kept.bytes.buffer);
  const step = bytesOf(region.width);
  for (const block of region.blocks) {
    let at = block.offset;
    for (const word of block.words) {
      const [digits = '', times = '1'] = word.split('*');
      const value = BigInt(digits);
      if (value >= 1n << BigInt(region.width)) throw refuse(`the word ${digits} has more than ${region.width} bits`);
      const end = at + Number(times) * step;
      if (end > region.size) throw refuse(`the block at ${block.offset} goes past the region's end`);
      for (; at < end; at += step) {
        for (let byte = 0; byte < step; byte += 1)
          view.setUint8(at + byte, Number((value >> BigInt(8 * byte)) & 0xffn));
      }
      kept.known.fill(1, end - Number(times) * step, end);
    }
  }
  return kept;
}
