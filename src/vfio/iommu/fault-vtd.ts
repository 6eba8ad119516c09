import { requesterName, type Fault } from './fault.js';

/**
 * DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0xdead000 [fault reason 0x05] PTE Write access is not set
 * DMAR: [DMA Read PASID 0x1] Request device [0000:73:00.1] fault addr 0x0 [fault reason 0x71] SM: ...
 * DMAR: [DMA Write] Request device [03:00.0] PASID ffffffff fault addr 0 [fault reason 05] PTE Write access is not set
 * DMAR:[DMA Read] Request device [00:02.0] fault addr 1000 \nDMAR:[fault reason 06] PTE Read access is not set
 * Source: drivers/iommu/intel/dmar.c, dmar_fault_do_one(), now and in earlier releases. A reason without 0x is decimal.
 */
const pattern =
  /DMAR:\s*\[(DMA Read|DMA Write|INTR-REMAP)(?: (?:NO_PASID|PASID (?:0x)?([0-9a-f]+)))?\]\s+Request device\s+\[([^\]]+)\](?:\s+PASID ([0-9a-f]+))?\s+fault (?:addr|index)\s+(?:0x)?([0-9a-f]+)\s*(?:DMAR:\s*)?(?:\[fault reason (0x[0-9a-f]+|\d+)\]\s*(.*))?/i;

const NO_PASID = 0xffff_ffff;
/** The fault recording register holds bits 63..12 of the address. Source: VT-d specification, section 11.4.14. */
const PAGE = 4096;

/** Reasons that say no more than that the page, or the table that leads to it, gives no right to this access. */
const noWrite = 0x05;
const noRead = 0x06;
const secondStageRights = 0x79;
/** Reasons about an address that the tables do not reach. */
const unmapped: ReadonlySet<number> = new Set([0x04, 0x71]);

/** Decodes a line of VT-d; undefined for any other. */
export function decodeVtd(text: string): Fault | undefined {
  const found = pattern.exec(text);
  if (found === null) return undefined;
  const [, what = '', pasidNow, device = '', pasidThen, address = '0', reasonCode, words = ''] = found;
  const requester = requesterName(device.trim());
  const pasid = Number.parseInt(pasidNow ?? pasidThen ?? 'ffffffff', 16);
  const code = reasonCode === undefined ? undefined : Number(reasonCode);
  const isInterrupt = what.toUpperCase() === 'INTR-REMAP';
  return {
    source: 'vt-d',
    ...(requester !== undefined && { requester }),
    ...(pasid !== NO_PASID && { pasid }),
    ...(!isInterrupt && { address: BigInt(`0x${address}`), access: /read/i.test(what) ? 'read' : 'write' }),
    granularity: PAGE,
    code: code === undefined ? 'no reason told' : `fault reason 0x${code.toString(16).padStart(2, '0')}`,
    reason: (isInterrupt ? 'interrupt remapping: ' : '') + (words.trim() || 'no reason told'),
    cause: isInterrupt ? 'configuration' : causeOf(code),
    lines: [text],
  };
}

function causeOf(code: number | undefined): Fault['cause'] {
  if (code === noWrite || code === noRead || code === secondStageRights) return 'either';
  return code !== undefined && unmapped.has(code) ? 'unmapped' : 'configuration';
}
