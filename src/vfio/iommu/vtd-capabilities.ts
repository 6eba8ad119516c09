import { bytesText } from '../dma/mapping.js';
import { bits, yesNo, type Capabilities, type Capability } from './capability.js';

/** struct iommu_hw_info_vtd: flags, reserved, cap_reg, ecap_reg. Source: linux/iommufd.h. */
export function vtdWords(data: Uint8Array): { cap: bigint; ecap: bigint; flags: number } | undefined {
  if (data.byteLength < 24) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { flags: view.getUint32(0, true), cap: view.getBigUint64(8, true), ecap: view.getBigUint64(16, true) };
}

/** Guest address widths by the bits of CAP.SAGAW, and the levels of their tables. */
const widths = ['30 bits (2 levels)', '39 bits (3 levels)', '48 bits (4 levels)', '57 bits (5 levels)'];
/** Sizes by the bits of CAP.SSLPS (SLLPS in older texts). */
const superpages = [2 * 1024 ** 2, 1024 ** 3];

/** Reads the capability registers of VT-d. Source: Intel VT-d specification, sections 11.4.2 and 11.4.3. */
export function vtdCapabilities(cap: bigint, ecap: bigint): Capabilities {
  const flag = (name: string, field: string, word: bigint, bit: number): Capability => ({
    name,
    field,
    value: yesNo(bits(word, bit)),
  });
  const sagaw = widths.filter((_, bit) => bits(cap, 8 + bit) === 1);
  const larger = superpages.filter((_, bit) => bits(cap, 34 + bit) === 1);
  const pageSizes = [4096, ...larger];
  const pasid = bits(ecap, 40) === 0 ? 'no' : `yes, ${bits(ecap, 39, 35) + 1} bits`;
  return {
    pageSizes,
    items: [
      { name: 'address widths', field: 'CAP.SAGAW', value: sagaw.join(', ') || 'none' },
      { name: 'largest IOVA', field: 'CAP.MGAW', value: `${bits(cap, 21, 16) + 1} bits` },
      { name: 'page sizes', field: 'CAP.SSLPS', value: pageSizes.map((size) => bytesText(size)).join(', ') },
      { name: 'domains', field: 'CAP.ND', value: String(2 ** (4 + 2 * bits(cap, 2, 0))) },
      flag('caching mode (a hypervisor wants every change announced)', 'CAP.CM', cap, 7),
      flag('snoop control', 'ECAP.SC', ecap, 7),
      flag('coherent table walks', 'ECAP.C', ecap, 0),
      flag('pass-through', 'ECAP.PT', ecap, 6),
      flag('interrupt remapping', 'ECAP.IR', ecap, 3),
      flag('x2APIC destinations', 'ECAP.EIM', ecap, 4),
      flag('posted interrupts', 'CAP.PI', cap, 59),
      flag('device TLBs (ATS)', 'ECAP.DT', ecap, 2),
      flag('page requests (PRI)', 'ECAP.PRS', ecap, 29),
      { name: 'PASID', field: 'ECAP.PASID, PSS', value: pasid },
      flag('scalable mode', 'ECAP.SMTS', ecap, 43),
      flag('first-stage tables', 'ECAP.FSTS', ecap, 47),
      flag('nested translation', 'ECAP.NEST', ecap, 26),
      flag('dirty pages in second-stage tables', 'ECAP.SSADS', ecap, 45),
      flag('zero-length reads of write-only pages', 'CAP.ZLR', cap, 22),
      { name: 'fault records', field: 'CAP.NFR', value: String(bits(cap, 47, 40) + 1) },
    ],
  };
}
