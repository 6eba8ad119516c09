import { endOf, spanText, type Mapping } from '../dma/mapping.js';
import type { Neighbours } from '../dma/ledger.js';
import { anySegment, type Fault } from './fault.js';
import type { ReservedRegion } from './reserved-regions.js';
import type { Owner } from './fault-owner.js';

/** The mappings of a device, as explanations look at them. */
export interface Mappings {
  neighbours(iova: bigint): Neighbours<Mapping>;
}

/** A mapping that is not there any more. */
export interface Unmapped {
  readonly name: string;
  readonly iova: bigint;
  readonly size: number;
  /** Nanoseconds from when it was unmapped to the fault. */
  readonly ago: number;
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** 'write of 0x11000 by 0000:00:04.0'. */
export function faultHead(fault: Fault, owner: Owner, device: string): string {
  const what = fault.access ?? 'access';
  const where = fault.address === undefined ? '' : ` ${fault.access === 'write' ? 'to' : 'of'} ${hex(fault.address)}`;
  return `${what}${where} by ${requesterText(fault, owner, device)}`;
}

/** The device where the fault is its own, else what the log says. */
export function requesterText({ requester, streamId, pasid }: Fault, owner: Owner, device: string): string {
  const name =
    owner === 'ours'
      ? device
      : (requester?.replace(`${anySegment}:`, '') ??
        (streamId === undefined ? 'an unnamed device' : `stream ID ${hex(streamId)}`));
  return pasid === undefined ? name : `${name} (PASID ${hex(pasid)})`;
}

/**
 * What the address of a fault means against what is mapped now: '0x11000 is 0x1000 past the end of ring', 'ring is mapped for reading
 * only'. Undefined where the fault has no address.
 */
export function explainFault(
  fault: Fault,
  mappings: Mappings,
  reserved: readonly ReservedRegion[],
  unmapped?: Unmapped,
): string | undefined {
  const { address, granularity } = fault;
  if (address === undefined) return undefined;
  const { at, below, above } = mappings.neighbours(address);
  if (at !== undefined) return insideText(address, at, fault);
  if (unmapped !== undefined) {
    const { name, iova, ago } = unmapped;
    return `${hex(address)} was ${name}+${hex(address - iova)}, which was unmapped ${durationText(ago)} before`;
  }
  const window = reserved.find(({ first, last }) => first <= address && address <= last);
  if (window !== undefined) {
    const kind = window.kind === 'msi' ? 'the window of message-signalled interrupts' : `a ${window.kind} region`;
    return `${hex(address)} is in ${kind} (${hex(window.first)}..${hex(window.last + 1n)})`;
  }
  const page = BigInt(granularity);
  if (above !== undefined && above.iova < address + page) return insideText(above.iova, above, fault);
  const sides = [
    ...(below === undefined ? [] : [`${distance(address - endOf(below))} past the end of ${named(below)}`]),
    ...(above === undefined ? [] : [`${hex(above.iova - address)} before ${named(above)}`]),
  ];
  return sides.length === 0 ? 'nothing is mapped' : `${hex(address)} is ${sides.join(' and ')}`;
}

/** '0x1000', but 'just' for none. */
function distance(bytes: bigint): string {
  return bytes === 0n ? 'just' : hex(bytes);
}

function named(mapping: Mapping): string {
  return `${mapping.name} (${spanText(mapping)})`;
}

function insideText(address: bigint, mapping: Mapping, { access, granularity, cause }: Fault): string {
  const { name, prot, guard, size } = mapping;
  const offset = address - mapping.iova - BigInt(guard);
  const past = offset - BigInt(size - 2 * guard);
  const place =
    offset < 0n
      ? `the guard in front of ${name}`
      : past >= 0n
        ? `the guard behind ${name}, ${hex(past)} past its end`
        : `${granularity > 1 ? 'the page at ' : ''}${name}+${hex(offset)}`;
  if (access === 'write' && prot === 'r') return `write to ${place}, which is mapped for reading only`;
  if ((access === 'read' || access === 'execute') && prot === 'w')
    return `${access} of ${place}, which is mapped for writing only`;
  if (cause === 'configuration')
    return `${hex(address)} is ${place}, mapped ${prot}: it is not the mapping that was missing`;
  return `${hex(address)} is ${place}, mapped ${prot} now: it was not when the device got there`;
}

function durationText(ns: number): string {
  if (ns < 1e6) return `${Math.max(0, Math.round(ns / 1e3))} us`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e9).toFixed(1)} s`;
}
