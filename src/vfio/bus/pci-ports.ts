import { join } from 'node:path';
import type { BusDevice } from './bus-device.js';
import { attribute } from './sysfs.js';

/** Source: linux/ioport.h, IORESOURCE_IO. */
const IORESOURCE_IO = 0x100n;

/**
 * The indices of a PCI device's BARs that are I/O ports. Source: the sysfs attribute `resource`, one line a resource:
 * first address, last address, flags. VFIO's info does not tell.
 */
export function portRegions(device: BusDevice): ReadonlySet<number> {
  const lines = device.bus === 'pci' ? (attribute(join(device.path, 'resource')) ?? '').split('\n').slice(0, 6) : [];
  const ports = new Set<number>();
  for (const [index, line] of lines.entries()) {
    const flags = line.trim().split(/\s+/)[2];
    if (flags !== undefined && /^0x[0-9a-f]+$/i.test(flags) && (BigInt(flags) & IORESOURCE_IO) !== 0n) ports.add(index);
  }
  return ports;
}
