import type { BusDevice } from '../bus/bus-device.js';
import { isRequester, type Fault } from './fault.js';
import type { StreamIds } from './stream-id.js';

/** Whose DMA a fault is: this device's, another member's of its IOMMU group, somebody else's, or not to be told. */
export type Owner = 'ours' | 'group' | 'other' | 'unknown';

/** By what the kernel's log may name a device. */
export interface Identity {
  readonly device: BusDevice;
  /** The other devices of its group. */
  readonly neighbours: readonly string[];
  readonly streams?: StreamIds;
}

/** Attributes a fault to a device. */
export function ownerOf(fault: Fault, { device, neighbours, streams }: Identity): Owner {
  const { requester, streamId, reporter } = fault;
  if (requester !== undefined) {
    if (isRequester(requester, device.name)) return 'ours';
    return neighbours.some((name) => isRequester(requester, name)) ? 'group' : 'other';
  }
  if (streamId === undefined || streams === undefined) return 'unknown';
  return streams.reporter === reporter && streams.ids.includes(streamId) ? 'ours' : 'other';
}
