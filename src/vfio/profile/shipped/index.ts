import type { ShippedBody } from '../description.js';
import type { Match } from '../match.js';

/** A profile that ships with the tool: what it is for, and where the rest of it is. */
export interface ShippedProfile {
  readonly name: string;
  readonly title: string;
  readonly match: readonly Match[];
  readonly load: () => Promise<{ readonly body: ShippedBody }>;
}

export const shippedProfiles: readonly ShippedProfile[] = [
  {
    name: 'edu',
    title: "QEMU's teaching device",
    match: [{ pci: '1234:11e8' }],
    load: () => import('./edu.js'),
  },
  {
    name: 'e1000e',
    title: 'Intel 82574L Gigabit Ethernet controller',
    match: [{ pci: '8086:10d3' }, { pci: '8086:10f6' }],
    load: () => import('./e1000e.js'),
  },
  {
    name: 'nvme',
    title: 'NVM Express controller',
    match: [{ class: '010802' }],
    load: () => import('./nvme.js'),
  },
  {
    name: 'virtio-mmio',
    title: 'virtio device on a memory-mapped bus',
    match: [{ compatible: 'virtio,mmio' }],
    load: () => import('./virtio-mmio.js'),
  },
  {
    name: 'pl011',
    title: 'Arm PrimeCell UART',
    match: [{ compatible: 'arm,pl011' }, { amba: '0x00041011' }, { name: '*.pl011' }],
    load: () => import('./pl011.js'),
  },
  {
    name: 'pl031',
    title: 'Arm PrimeCell real time clock',
    match: [{ compatible: 'arm,pl031' }, { amba: '0x00041031' }, { name: '*.pl031' }],
    load: () => import('./pl031.js'),
  },
  {
    name: 'pl061',
    title: 'Arm PrimeCell GPIO',
    match: [{ compatible: 'arm,pl061' }, { amba: '0x00041061' }, { name: '*.pl061' }],
    load: () => import('./pl061.js'),
  },
  {
    name: 'sram',
    title: "the simulator's device with a register of every kind",
    match: [{ pci: '1234:11e9' }],
    load: () => import('./sram.js'),
  },
  {
    name: 'pci',
    title: 'any PCI function: the registers of its config space',
    match: [{ bus: 'pci' }],
    load: () => import('./pci.js'),
  },
  {
    name: 'platform',
    title: 'any platform or AMBA device',
    match: [{ bus: 'platform' }, { bus: 'amba' }],
    load: () => import('./platform.js'),
  },
];
