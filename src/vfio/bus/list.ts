import type { FailureDetails } from '../errors.js';
import { allDevices, describeDevice, type BusDevice } from './bus-device.js';
import { obstacleTo } from './obstacle.js';
import { PciNames } from './pci-names.js';
import { systemRoots, type Roots } from './roots.js';

/** A device as `devices` lists it. */
export interface ListedDevice extends BusDevice {
  /** What it is, in words: pci.ids' names, else its ids; the device tree's `compatible` elsewhere; empty where nothing tells. */
  readonly description: string;
  /** What keeps VFIO from opening it as things are; absent where nothing does. */
  readonly obstacle?: FailureDetails;
}

/**
 * The devices of this machine that VFIO could have to do with: every PCI, AMBA, fsl-mc and CDX device, and those platform devices that the firmware
 * describes or an IOMMU translates (the kernel makes up many more). Reads sysfs only.
 */
export function listDevices(roots: Roots = systemRoots): ListedDevice[] {
  const names = new PciNames(roots.pciIds);
  return allDevices(roots)
    .map(({ bus, name }) => describeDevice(bus, name, roots))
    .filter((device) => device.bus !== 'platform' || device.compatible.length > 0 || device.iommuGroup !== undefined)
    .map((device) => {
      const obstacle = obstacleTo(device, roots);
      const description = describe(device, names);
      return obstacle === undefined ? { ...device, description } : { ...device, description, obstacle };
    });
}

function describe(device: BusDevice, names: PciNames): string {
  if (device.ids !== undefined) return names.describe(device.ids.vendor, device.ids.device);
  return device.compatible[0] ?? '';
}
