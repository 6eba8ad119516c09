import { join } from 'node:path';
import { pciNames, type PciNames } from '../pci-ids.js';
import { allDevices, describeDevice, type BusDevice, type PciIds } from './bus-device.js';
import { noIommu } from './iommu-absence.js';
import { obstaclesTo, type Obstacle } from './obstacle.js';
import { systemRoots, type Roots } from './roots.js';
import { attribute, exists } from './sysfs.js';

/** A device as `devices` lists it. */
export interface ListedDevice extends BusDevice {
  /**
   * What it is, in words: pci.ids' names, else its class and ids; the device tree's `compatible`; ACPI's hardware id and path; what its bus
   * calls it; empty where nothing tells.
   */
  readonly description: string;
  /** What keeps VFIO from opening it as things are, the most fundamental first; empty where nothing does. */
  readonly obstacles: readonly Obstacle[];
}

/**
 * The devices of this machine that VFIO could have to do with: every PCI, AMBA, fsl-mc and CDX device, and those platform devices that the device
 * tree gives registers or an IOMMU translates (the kernel makes up many more: `everything` lists them too). Reads sysfs only.
 */
export function listDevices(roots: Roots = systemRoots, everything = false): ListedDevice[] {
  const names = roots.pciIds.map(attribute).find((text) => text !== undefined) ?? '';
  const none = noIommu(roots);
  return allDevices(roots)
    .map(({ bus, name }) => describeDevice(bus, name, roots))
    .filter(
      (device) => everything || device.bus !== 'platform' || device.iommuGroup !== undefined || hasRegisters(device),
    )
    .map((device) => ({
      ...device,
      description: descriptionOf(device, names),
      obstacles: obstaclesTo(device, roots, none),
    }));
}

function hasRegisters(device: BusDevice): boolean {
  return exists(join(device.path, 'of_node/reg'));
}

/** What `device` is, in words; `names` is the text of pci.ids. */
function descriptionOf(device: BusDevice, names: string): string {
  if (device.ids !== undefined) return describePci(device.ids, names, device.bus === 'pci');
  const [compatible] = device.compatible;
  return compatible ?? describeAcpi(device) ?? describeFslMc(device) ?? '';
}

/** 'Intel Corporation 82574L Gigabit Network Connection', or what is known of it with its ids behind. */
function describePci(ids: PciIds, list: string, deviceIds: boolean): string {
  const names = (classCode: number | undefined): PciNames =>
    pciNames(
      {
        vendorId: ids.vendor,
        deviceId: deviceIds ? ids.device : undefined,
        subsystemVendorId: undefined,
        subsystemId: undefined,
        classCode,
      },
      list,
    );
  const { vendor, device } = names(undefined);
  if (vendor !== undefined && device !== undefined) return `${vendor} ${device}`;
  const kind = deviceIds ? names(ids.class).class : undefined;
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  return [vendor ?? kind, `${hex(ids.vendor)}:${hex(ids.device)}`].filter(Boolean).join(' ');
}

/** 'ACPI ARMH0061 (\_SB_.GPO0)', by the hardware id and the path in the namespace. */
function describeAcpi(device: BusDevice): string | undefined {
  const id = attribute(join(device.path, 'firmware_node/hid')) ?? /^acpi:([^:]+):/.exec(device.modalias ?? '')?.[1];
  if (id === undefined) return undefined;
  const path = attribute(join(device.path, 'firmware_node/path'));
  return path === undefined ? `ACPI ${id}` : `ACPI ${id} (${path})`;
}

/** 'dpni of vendor 1957': fsl-mc's modalias is fsl-mc:v00001957ddpni. */
function describeFslMc(device: BusDevice): string | undefined {
  const [, vendor, type] = /^fsl-mc:v0{4}([0-9a-f]{4})d(.+)$/i.exec(device.modalias ?? '') ?? [];
  return type === undefined ? undefined : `${type} of vendor ${vendor}`;
}
