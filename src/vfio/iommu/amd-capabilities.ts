import { bits, yesNo, type Capabilities, type Capability } from './capability.js';

const hostLevels = [4, 5, 6];

/** Reads AMD's Extended Feature Register. Source: AMD I/O Virtualization Technology specification (48882), MMIO offset 0030h. */
export function amdCapabilities(features: bigint): Capabilities {
  const flag = (name: string, field: string, bit: number): Capability => ({
    name,
    field: `EFR.${field}`,
    value: yesNo(bits(features, bit)),
  });
  const levels = hostLevels[bits(features, 11, 10)];
  return {
    // The page sizes are a matter of the table format: every multiple of two from 4K up.
    pageSizes: [],
    items: [
      { name: 'levels of host tables', field: 'EFR.HATS', value: levels === undefined ? 'reserved' : String(levels) },
      flag('page requests (PPR)', 'PPRSup', 1),
      flag('x2APIC destinations', 'XTSup', 2),
      flag('no-execute pages', 'NXSup', 3),
      flag('guest translation', 'GTSup', 4),
      flag('invalidate all', 'IASup', 6),
      flag('guest virtual APIC', 'GASup', 7),
      flag('hardware error registers', 'HESup', 8),
      flag('performance counters', 'PCSup', 9),
      {
        name: 'PASID',
        field: 'EFR.PASmax',
        value: bits(features, 4) === 0 ? 'no' : `${bits(features, 36, 32) + 1} bits`,
      },
      flag('accessed flags in host tables', 'HASup', 49),
      flag('dirty flags in host tables', 'HDSup', 52),
      flag('secure nested paging', 'SNPSup', 63),
    ],
  };
}
