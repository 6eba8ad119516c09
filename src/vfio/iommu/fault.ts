/** A DMA that an IOMMU refused, as the kernel's log tells it. */
export interface Fault {
  readonly source: 'vt-d' | 'amd-vi' | 'smmuv2' | 'smmuv3';
  /** The IOMMU that reports it, where the log names it: '9050000.smmuv3'. */
  readonly reporter?: string;
  /** The requester, where the log names it: '0000:00:04.0', or 'XXXX:00:04.0' where it leaves the PCI segment out. */
  readonly requester?: string;
  /** The stream ID at an SMMU. */
  readonly streamId?: number;
  readonly pasid?: number;
  /** The IOVA, where the event has one. */
  readonly address?: bigint;
  /** The address is told to this many bytes: VT-d tells the page, the others the byte. */
  readonly granularity: number;
  /** Undefined where the event does not tell. */
  readonly access?: 'read' | 'write' | 'execute';
  /** The architecture's number and name of the reason: 'fault reason 0x05', 'F_TRANSLATION (0x10)'. */
  readonly code: string;
  /** The reason in words. */
  readonly reason: string;
  /** Which of the rights was missing, as far as the reason tells: nothing is mapped there, or not for this. */
  readonly cause: 'unmapped' | 'permission' | 'either' | 'configuration';
  /** The lines of the log, without their prefixes. */
  readonly lines: readonly string[];
}

/** What the log says: a fault, or that the kernel left out further ones. */
export type FaultReport =
  | { readonly kind: 'fault'; readonly fault: Fault }
  | { readonly kind: 'suppressed'; readonly count: number };

/** A requester without a PCI segment is written with this in its place. */
export const anySegment = 'XXXX';

/** 'bb:dd.f', with or without a segment or 0x in front of the parts, in its full form; undefined for anything else. */
export function requesterName(text: string): string | undefined {
  const found = /^(?:([0-9a-f]{1,8}):)?(?:0x)?([0-9a-f]{1,2}):(?:0x)?([0-9a-f]{1,2})\.([0-7])$/i.exec(text);
  if (found === null) return undefined;
  const [, segment, bus = '', device = '', fn = ''] = found;
  const short = segment === undefined ? anySegment : segment.toLowerCase().padStart(4, '0');
  return `${short}:${bus.padStart(2, '0').toLowerCase()}:${device.padStart(2, '0').toLowerCase()}.${fn}`;
}

/** Whether a requester that may lack its segment is the device at the full address `device`. */
export function isRequester(requester: string, device: string): boolean {
  if (requester === device) return true;
  return requester.startsWith(`${anySegment}:`) && device.endsWith(requester.slice(anySegment.length));
}
