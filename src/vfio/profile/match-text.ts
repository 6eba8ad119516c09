import type { DeviceIdentity } from './identity.js';
import type { Match } from './match.js';

const hex4 = (id: number): string => id.toString(16).padStart(4, '0');

/** 'pci 8086:10d3', 'class 0108??, bus pci'. */
export function matchText(match: Match): string {
  return Object.entries(match)
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(', ');
}

/** What is known of a device, in the words of a match: 'pci 1234:11e8:1af4:1100', 'class 00ff00'. */
export function identityText({ bus, pci, compatible, amba }: DeviceIdentity): string[] {
  const subsystem =
    pci?.subsystemVendor === undefined || pci.subsystemDevice === undefined
      ? ''
      : `:${hex4(pci.subsystemVendor)}:${hex4(pci.subsystemDevice)}`;
  return [
    ...(pci === undefined ? [] : [`pci ${hex4(pci.vendor)}:${hex4(pci.device)}${subsystem}`]),
    ...(pci?.class === undefined ? [] : [`class ${pci.class.toString(16).padStart(6, '0')}`]),
    ...compatible.map((one) => `compatible ${one}`),
    ...(amba === undefined ? [] : [`amba 0x${amba.toString(16).padStart(8, '0')}`]),
    ...(pci === undefined && compatible.length === 0 && amba === undefined ? [`bus ${bus}`] : []),
  ];
}
