import type { Fault } from './fault.js';

/**
 * arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0xd65504710, fsynr=0x100011, cbfrsynra=0x0, cb=6
 * (cbfrsynra since Linux 5.3.) Source: drivers/iommu/arm/arm-smmu/arm-smmu.c.
 */
const contextFault =
  /arm-smmu (\S+): Unhandled context fault: fsr=0x([0-9a-f]+), ?iova=0x([0-9a-f]+), ?fsynr=0x([0-9a-f]+)(?:, ?cbfrsynra=0x([0-9a-f]+))?, ?cb=(\d+)/i;
const unknownStream = /arm-smmu (\S+): (?:\t)?Blocked unknown Stream ID 0x([0-9a-f]+)/i;

/** Bits of FSR and FSYNR0. Source: Arm IHI 0062, sections 16.3.3 and 16.3.2. */
const fsrBits: readonly (readonly [bit: number, name: string, reason: string, cause: Fault['cause']])[] = [
  [1, 'TF', 'the address is not mapped', 'unmapped'],
  [2, 'AFF', 'the access flag of the page is clear', 'configuration'],
  [3, 'PF', 'the page is mapped, but not for this access', 'permission'],
  [4, 'EF', 'the page tables could not be read (external abort)', 'configuration'],
  [5, 'TLBMCF', 'entries of the TLB contradict each other', 'configuration'],
  [6, 'TLBLKF', 'the TLB could not be locked', 'configuration'],
  [7, 'ASF', 'the address does not fit the tables (address size)', 'unmapped'],
  [8, 'UUT', 'the upstream transaction is not supported', 'configuration'],
];
const WRITE_NOT_READ = 1 << 4;
const INSTRUCTION = 1 << 6;
const STREAM_ID = 0xffff;

/** Decodes a line of an SMMUv2; undefined for any other. */
export function decodeSmmuV2(text: string): Fault | undefined {
  const blocked = unknownStream.exec(text);
  if (blocked !== null) {
    const [, reporter = '', stream = '0'] = blocked;
    return {
      source: 'smmuv2',
      reporter,
      streamId: Number.parseInt(stream, 16),
      granularity: 1,
      code: 'unknown stream',
      reason: 'the SMMU has no entry for this stream ID',
      cause: 'configuration',
      lines: [text],
    };
  }
  const found = contextFault.exec(text);
  if (found === null) return undefined;
  const [, reporter = '', fsrText = '0', iova = '0', fsynrText = '0', syndrome] = found;
  const fsr = Number.parseInt(fsrText, 16);
  const fsynr = Number.parseInt(fsynrText, 16);
  const bits = fsrBits.filter(([bit]) => (fsr & (1 << bit)) !== 0);
  const isWrite = (fsynr & WRITE_NOT_READ) !== 0;
  return {
    source: 'smmuv2',
    reporter,
    ...(syndrome !== undefined && { streamId: Number.parseInt(syndrome, 16) & STREAM_ID }),
    address: BigInt(`0x${iova}`),
    granularity: 1,
    access: isWrite ? 'write' : (fsynr & INSTRUCTION) !== 0 ? 'execute' : 'read',
    code: `FSR 0x${fsr.toString(16)}${bits.length === 0 ? '' : ` (${bits.map(([, name]) => name).join(', ')})`}`,
    reason: bits.map(([, , reason]) => reason).join('; ') || 'the syndrome names no reason',
    cause: bits[0]?.[3] ?? 'configuration',
    lines: [text],
  };
}
