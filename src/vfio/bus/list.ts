import { join } from 'node:path';
import type { FailureDetails } from '../errors.js';
import { pciNames } from '../pci-ids.js';
import { allDevices, describeDevice, type BusDevice, type PciIds } from './bus-device.js';
import { obstacleTo } from './obstacle.js';
import { systemRoots, type Roots } from './roots.js';
import { attribute, exists } from './sysfs.js';

/** A device as `devices` lists it. */
export interface ListedDevice extends BusDevice {
  /** What it is, in words: pci.ids' names, else its class and ids; the device tree's `compatible` elsewhere; empty where nothing tells. */
  readonly description: string;
  /** What keeps VFIO from opening it as things are; absent where nothing does. */
  readonly obstacle?: FailureDetails;
}

/**
 * The devices of this machine that VFIO could have to do with: every PCI, AMBA, fsl-mc and CDX device, and those platform devices that the device
 * tree gives registers or an IOMMU translates (the kernel makes up many more). Reads sysfs only.
 */
export function listDevices(roots: Roots = systemRoots): ListedDevice[] {
  const names = roots.pciIds.map(attribute).find((text) => text !== undefined) ?? '';
  return allDevices(roots)
    .map(({ bus, name }) => describeDevice(bus, name, roots))
    .filter((device) => device.bus !== 'platform' || device.iommuGroup !== undefined || hasRegisters(device))
    .map((device) => {
      const obstacle = obstacleTo(device, roots);
      const description = device.ids === undefined ? (device.compatible[0] ?? '') : describePci(device.ids, names);
      return obstacle === undefined ? { ...device, description } : { ...device, description, obstacle };
    });
}

function hasRegisters(device: BusDevice): boolean {
  return exists(join(device.path, 'of_node/reg'));
}

/** 'Intel Corporation 82574L Gigabit Network Connection', or what is known of it with its ids behind. */
function describePci(ids: PciIds, list: string): string {
  const numbers = {
    vendorId: ids.vendor,
    deviceId: ids.device,
    subsystemVendorId: undefined,
    subsystemId: undefined,
    classCode: ids.class,
  };
  const { vendor, device, class: kind } = pciNames(numbers, list);
  if (vendor !== undefined && device !== undefined) return `${vendor} ${device}`;
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  return [vendor ?? kind, `${hex(ids.vendor)}:${hex(ids.device)}`].filter(Boolean).join(' ');
}
