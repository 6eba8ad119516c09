import { VfioError } from '../../src/vfio/errors.js';
import { close, memfd, pread, pwrite } from '../../src/vfio/sys/libc.js';
import type {
  DeviceInfo,
  DmaLimits,
  DmaMapping,
  IrqInfo,
  RegionInfo,
  Transport,
} from '../../src/vfio/transport/transport.js';

/**
 * A device whose one region is a memfd, `backed` bytes of its `size`: for what a real one cannot be made to do on this
 * machine at will, such as a bus fault in the middle of a mapping, or a path that splits an access.
 */
export class MemfdTransport implements Transport {
  readonly via = 'cdev';
  readonly accessPath = 'file';
  readonly maxTransfer = 2 ** 20;
  readonly warnings: readonly string[] = [];
  readonly name = 'memfd';
  readonly info: DeviceInfo = { flags: 0, bus: 'platform', resettable: false, regionCount: 1, irqCount: 0 };
  readonly fd: number;
  /** What `read` and `write` of the file path were asked for. */
  readonly calls: { readonly operation: 'read' | 'write'; readonly offset: number; readonly bytes: number }[] = [];
  splitReason: string | undefined;
  readonly #region: RegionInfo;

  constructor(size: number, over: Partial<RegionInfo> = {}, backed = size) {
    this.fd = memfd('test-device', backed).value;
    this.#region = {
      index: 0,
      flags: 7,
      readable: true,
      writable: true,
      mappable: true,
      size,
      fileOffset: 0n,
      msixMappable: false,
      ...over,
    };
  }

  regionInfo(): RegionInfo {
    return this.#region;
  }

  irqInfo(): IrqInfo {
    throw new RangeError('the device has no interrupts');
  }

  read(_region: RegionInfo, offset: number, into: Uint8Array): void {
    this.calls.push({ operation: 'read', offset, bytes: into.byteLength });
    const got = pread(this.fd, into, offset);
    if (got.value !== into.byteLength)
      throw new VfioError({ kind: 'access', operation: 'pread', errno: 'EIO', why: 'short' });
  }

  write(_region: RegionInfo, offset: number, from: Uint8Array): void {
    this.calls.push({ operation: 'write', offset, bytes: from.byteLength });
    pwrite(this.fd, from, offset);
  }

  splits(): string | undefined {
    return this.splitReason;
  }

  mappingFd(): number {
    return this.fd;
  }

  setIrqs(): void {
    throw new RangeError('the device has no interrupts');
  }

  reset(): void {
    throw new RangeError('the device has no reset');
  }

  dmaLimits(): DmaLimits {
    return { ranges: [], pageSizes: 0n };
  }

  dmaMap(_mapping: DmaMapping): void {
    throw new RangeError('the device has no DMA');
  }

  dmaUnmap(_iova: bigint, _size: number): void {
    throw new RangeError('the device has no DMA');
  }

  onLost(): void {
    // A memfd stays.
  }

  close(): void {
    close(this.fd);
  }
}
