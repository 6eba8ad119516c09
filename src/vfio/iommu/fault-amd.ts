import { requesterName, type Fault } from './fault.js';

/**
 * vfio-pci 0000:04:10.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0037 address=0x7b657064 flags=0x0000]
 * AMD-Vi: Event logged [IO_PAGE_FAULT device=0a:00.0 domain=0x001d address=0x000000000637c000 flags=0x0000]
 * Source: drivers/iommu/amd/iommu.c, iommu_print_event() and amd_iommu_report_page_fault().
 */
const pattern = /(?:(\S+): )?AMD-Vi: Event logged \[\s*([A-Z_]+)\s+([^\]]*)\]/;

/** Flags of IO_PAGE_FAULT, bits 27..16 of the event's second word. Source: AMD specification 48882, section 2.5.3. */
const INTERRUPT = 0x008;
const PRESENT = 0x010;
const WRITE = 0x020;
const RESERVED_BITS = 0x080;
const TRANSLATION = 0x100;

const reasons: Readonly<Record<string, string>> = {
  ILLEGAL_DEV_TABLE_ENTRY: "the device's entry in the device table is not valid",
  DEV_TAB_HARDWARE_ERROR: 'the device table could not be read',
  PAGE_TAB_HARDWARE_ERROR: 'the page tables could not be read',
  INVALID_DEVICE_REQUEST: 'the device made a request that is not allowed to it',
  IOTLB_INV_TIMEOUT: "the device's own TLB did not answer an invalidation",
  RMP_PAGE_FAULT: 'the reverse map table does not let the device have this page',
  RMP_HW_ERROR: 'the reverse map table could not be read',
  INVALID_PPR_REQUEST: 'the device made a page request that is not valid',
};

/** Decodes a line of AMD-Vi about a device; undefined for any other. */
export function decodeAmd(text: string): Fault | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, prefix = '', event = '', rest = ''] = found;
  const values = new Map([...rest.matchAll(/([a-z_]+)=([^\s,]+)/g)].map(([, key = '', value = '']) => [key, value]));
  const requester = requesterName(values.get('device') ?? '') ?? requesterName(prefix);
  if (requester === undefined) return undefined;
  const address = number(values.get('address') ?? values.get('gpa') ?? values.get('spa'));
  const pasid = number(values.get('pasid'));
  const flags = Number(number(values.get('flags')) ?? 0n);
  const isPageFault = event === 'IO_PAGE_FAULT';
  const isWrite = (flags & WRITE) !== 0;
  // The bit RW means something only for a page that is present.
  const tells = isPageFault && (isWrite || (flags & PRESENT) !== 0) && (flags & (INTERRUPT | TRANSLATION)) === 0;
  return {
    source: 'amd-vi',
    requester,
    ...(pasid !== undefined && pasid !== 0n && { pasid: Number(pasid) }),
    ...(address !== undefined && { address }),
    granularity: 1,
    ...(tells && { access: isWrite ? 'write' : 'read' }),
    code: `${event}${values.has('flags') ? `, flags 0x${flags.toString(16).padStart(4, '0')}` : ''}`,
    reason: isPageFault ? pageFaultReason(flags) : (reasons[event] ?? event),
    cause: isPageFault ? pageFaultCause(flags) : 'configuration',
    lines: [text],
  };
}

function pageFaultReason(flags: number): string {
  if ((flags & INTERRUPT) !== 0) return 'an interrupt request was refused';
  if ((flags & RESERVED_BITS) !== 0) return 'a reserved bit is set in the page tables';
  return (flags & PRESENT) === 0 ? 'the page is not mapped' : 'the page is mapped, but not for this access';
}

function pageFaultCause(flags: number): Fault['cause'] {
  if ((flags & (INTERRUPT | RESERVED_BITS)) !== 0) return 'configuration';
  return (flags & PRESENT) === 0 ? 'unmapped' : 'permission';
}

function number(text: string | undefined): bigint | undefined {
  return text !== undefined && /^0x[0-9a-f]+$/i.test(text) ? BigInt(text) : undefined;
}
