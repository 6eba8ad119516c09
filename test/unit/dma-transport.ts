import { VfioError } from '../../src/vfio/errors.js';
import type { DmaLimits, DmaMapping } from '../../src/vfio/transport/transport.js';
import { MemfdTransport } from './memfd-transport.js';

/** A device that maps what it is asked to, and refuses when it is told to. */
export class DmaTransport extends MemfdTransport {
  readonly made = new Map<bigint, DmaMapping>();
  limits: DmaLimits = { ranges: [{ first: 0n, last: 0xffffffffffffn }], pageSizes: 0x1000n };
  /** The errno that the next mapping, and every next unmapping, is refused with. */
  refuseMap: string | undefined;
  refuseUnmap: string | undefined;
  /** Called when it is closed. */
  closing: (() => void) | undefined;

  constructor() {
    super(4096);
  }

  override dmaLimits(): DmaLimits {
    return this.limits;
  }

  override dmaMap(mapping: DmaMapping): void {
    if (this.refuseMap !== undefined) throw this.#refusal(this.refuseMap);
    this.made.set(mapping.iova, mapping);
  }

  override dmaUnmap(iova: bigint): void {
    if (this.refuseUnmap !== undefined) throw this.#refusal(this.refuseUnmap);
    this.made.delete(iova);
  }

  override close(): void {
    this.closing?.();
    super.close();
  }

  #refusal(errno: string): VfioError {
    return new VfioError({ kind: 'kernel', operation: 'map', errno, why: 'the kernel refused it' });
  }
}
