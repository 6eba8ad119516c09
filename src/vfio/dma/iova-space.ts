import type { Mapped } from './dma.js';
import type { Ledger } from './ledger.js';
import { endOf } from './mapping.js';
import { MemorySpace, type MemorySpaceHost, type Spot } from './memory-space.js';
import { whereabouts } from './placement.js';

/**
 * The device's view of memory, `iova`: offsets are the addresses that the device uses, and reach the bytes of the buffer that is mapped there, its
 * guards included. This program's own accesses need no permission of the mapping.
 */
export class IovaSpace extends MemorySpace {
  readonly name = 'iova';
  /** Addresses from 2^53 on cannot be reached by this name: a space's offsets are numbers. */
  readonly size = Number.MAX_SAFE_INTEGER;
  readonly writable = true;
  readonly #ledger: Ledger<Mapped>;

  constructor(ledger: Ledger<Mapped>, host: MemorySpaceHost) {
    super(host);
    this.#ledger = ledger;
  }

  protected override spot(offset: number): Spot | { why: string; hint: string; room: number } {
    const iova = BigInt(offset);
    const { at, above } = this.#ledger.neighbours(iova);
    if (at !== undefined) {
      const spot = at.buffer.spotIn(Number(iova - at.iova));
      const room = Math.min(spot.room, Number(endOf(at) - iova));
      return { ...spot, room };
    }
    const room = Number((above?.iova ?? BigInt(this.size)) - iova);
    const why = `nothing is mapped there: ${whereabouts(iova, this.#ledger)}`;
    return { why, hint: 'maps shows the mappings', room };
  }
}
