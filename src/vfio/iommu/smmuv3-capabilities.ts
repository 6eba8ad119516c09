import { bytesText } from '../dma/mapping.js';
import { bits, yesNo, type Capabilities, type Capability } from './capability.js';

/** The identification registers of an SMMUv3. */
export interface SmmuV3Words {
  /** IDR0 to IDR5. */
  readonly idr: readonly number[];
  readonly iidr: number;
  readonly aidr: number;
}

/** struct iommu_hw_info_arm_smmuv3: flags, reserved, idr[6], iidr, aidr. Source: linux/iommufd.h (Linux 6.13). */
export function smmuV3Words(data: Uint8Array): SmmuV3Words | undefined {
  if (data.byteLength < 40) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const word = (index: number): number => view.getUint32(4 * index, true);
  return { idr: [2, 3, 4, 5, 6, 7].map(word), iidr: word(8), aidr: word(9) };
}

const MIB = 1024 ** 2;
/** Granules by the bits of IDR5, and the sizes of pages and blocks that each maps (without 52-bit extensions). */
const granules: readonly (readonly [bit: number, sizes: readonly number[]])[] = [
  [4, [4096, 2 * MIB, 1024 * MIB]],
  [5, [16 * 1024, 32 * MIB]],
  [6, [64 * 1024, 512 * MIB]],
];
const outputSizes = [32, 36, 40, 42, 44, 48, 52, 56];
const stallModels = ['devices may be stalled', 'faults end the access', 'faults always stall', 'reserved'];
const htu = ['no', 'accessed', 'accessed and dirty', 'accessed and dirty'];
const formats = ['reserved', 'AArch32', 'AArch64', 'AArch32 and AArch64'];

/** Reads the identification registers of an SMMUv3. Source: Arm IHI 0070, section 6.3. */
export function smmuV3Capabilities({ idr, iidr, aidr }: SmmuV3Words): Capabilities {
  const register = (index: number): bigint => BigInt(idr[index] ?? 0);
  const field = (index: number, high: number, low = high): number => bits(register(index), high, low);
  const flag = (name: string, label: string, index: number, bit: number): Capability => ({
    name,
    field: `IDR${index}.${label}`,
    value: yesNo(field(index, bit)),
  });
  const pageSizes = granules.flatMap(([bit, sizes]) => (field(5, bit) === 1 ? sizes : [])).toSorted((a, b) => a - b);
  const stages = [...(field(0, 1) === 1 ? ['1'] : []), ...(field(0, 0) === 1 ? ['2'] : [])];
  const substreams = field(1, 10, 6);
  const identity = BigInt(iidr >>> 0);
  return {
    pageSizes,
    items: [
      {
        name: 'architecture',
        field: 'AIDR',
        value: `SMMUv${bits(BigInt(aidr), 7, 4) + 3}.${bits(BigInt(aidr), 3, 0)}`,
      },
      {
        name: 'implementation',
        field: 'IIDR',
        value: `implementer 0x${bits(identity, 11, 0).toString(16)}, product 0x${bits(identity, 31, 20).toString(16)}, r${bits(identity, 19, 16)}p${bits(identity, 15, 12)}`,
      },
      { name: 'translation stages', field: 'IDR0.S1P, S2P', value: stages.join(' and ') || 'none' },
      { name: 'table formats', field: 'IDR0.TTF', value: formats[field(0, 3, 2)] ?? '' },
      {
        name: 'page sizes',
        field: 'IDR5.GRAN4K, 16K, 64K',
        value: pageSizes.map((size) => bytesText(size)).join(', ') || 'none',
      },
      { name: 'output addresses', field: 'IDR5.OAS', value: `${outputSizes[field(5, 2, 0)] ?? '?'} bits` },
      { name: 'input addresses', field: 'IDR5.VAX', value: field(5, 11, 10) === 1 ? 'up to 52 bits' : 'up to 48 bits' },
      { name: 'stream IDs', field: 'IDR1.SIDSIZE', value: `${field(1, 5, 0)} bits` },
      {
        name: 'substream IDs (PASID)',
        field: 'IDR1.SSIDSIZE',
        value: substreams === 0 ? 'no' : `${substreams} bits`,
      },
      flag('coherent table walks', 'COHACC', 0, 4),
      { name: 'access and dirty flags', field: 'IDR0.HTTU', value: htu[field(0, 7, 6)] ?? '' },
      { name: 'faults', field: 'IDR0.STALL_MODEL', value: stallModels[field(0, 25, 24)] ?? '' },
      flag('ATS', 'ATS', 0, 10),
      flag('page requests (PRI)', 'PRI', 0, 16),
      flag('interrupts by MSI', 'MSI', 0, 13),
      flag('16-bit ASIDs', 'ASID16', 0, 12),
      flag('16-bit VMIDs', 'VMID16', 0, 18),
      { name: 'stream table', field: 'IDR0.ST_LEVEL', value: field(0, 28, 27) === 1 ? '2 levels' : 'linear' },
      flag('invalidation by ranges', 'RIL', 3, 10),
    ],
  };
}
