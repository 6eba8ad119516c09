import { join } from 'node:path';
import { VfioError } from '../errors.js';
import { nearest } from '../nearest.js';
import { systemRoots, type Roots } from './roots.js';
import { attribute, entries, exists, linkTarget, stringList } from './sysfs.js';

/** The buses whose devices VFIO can take. */
export type BusName = 'pci' | 'platform' | 'amba' | 'fsl-mc' | 'cdx';

export const busNames: readonly BusName[] = ['pci', 'platform', 'amba', 'fsl-mc', 'cdx'];

/** The VFIO driver that takes any device of a bus. */
export const vfioDrivers: Readonly<Record<BusName, string>> = {
  pci: 'vfio-pci',
  platform: 'vfio-platform',
  amba: 'vfio-amba',
  'fsl-mc': 'vfio-fsl-mc',
  cdx: 'vfio-cdx',
};

/** The identification of a PCI function, or of a CDX device, as sysfs shows it, without touching its config space. */
export interface PciIds {
  readonly vendor: number;
  readonly device: number;
  readonly subsystemVendor: number;
  readonly subsystemDevice: number;
  /** 24 bits: base class, subclass, programming interface. */
  readonly class: number;
  readonly revision: number;
}

/** What sysfs says about one device. */
export interface BusDevice {
  readonly bus: BusName;
  /** Its name on the bus: '0000:00:04.0', '9010000.pl031'. */
  readonly name: string;
  /** Its directory in sysfs, by way of the bus: /sys/bus/pci/devices/0000:00:04.0. */
  readonly path: string;
  /** The driver that it is bound to. */
  readonly driver?: string;
  readonly driverOverride?: string;
  /** Number of its IOMMU group. */
  readonly iommuGroup?: string;
  /** The group's default domain: 'DMA', 'DMA-FQ', 'identity', ... */
  readonly groupType?: string;
  /** A group that VFIO made up for a device without an IOMMU. */
  readonly noIommu: boolean;
  /** Its name in /dev/vfio/devices, where a VFIO driver has it. */
  readonly vfioDev?: string;
  readonly modalias?: string;
  readonly ids?: PciIds;
  /** The device tree's `compatible`, best match first; empty without a node. */
  readonly compatible: readonly string[];
}

const pciAddress = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i;

/** The full form of a PCI address: '00:4.0' is '0000:00:04.0'. Anything else comes back as it is. */
export function canonicalAddress(address: string): string {
  const parts = pciAddress.exec(address);
  if (parts === null) return address;
  const [, domain = '0', bus = '', device = '', fn = ''] = parts;
  const short = domain.replace(/^0+(?=.{4})/, '');
  return `${short.padStart(4, '0')}:${bus.padStart(2, '0')}:${device.padStart(2, '0')}.${fn}`.toLowerCase();
}

/** The sysfs directory of the devices of `bus`. */
export function devicesPath(bus: BusName, roots: Roots): string {
  return join(roots.sys, 'bus', bus, 'devices');
}

/** Every device of the buses that VFIO knows, by bus and name; not the names that the kernel leaves behind of one that went with the device above it. */
export function allDevices(roots: Roots = systemRoots): { bus: BusName; name: string }[] {
  return busNames.flatMap((bus) => {
    const folder = devicesPath(bus, roots);
    return entries(folder).flatMap((name) => (exists(join(folder, name)) ? { bus, name } : []));
  });
}

/**
 * Finds the device that `address` names: a PCI address, short or full and in either case, or a name on the platform, AMBA, fsl-mc or CDX bus.
 * Reads sysfs only. Throws a VfioError of kind 'absent' with the nearest names where there is none.
 */
export function findDevice(address: string, roots: Roots = systemRoots, operation = 'open'): BusDevice {
  const wanted = canonicalAddress(address);
  const known = allDevices(roots);
  const found =
    known.find(({ name }) => name === wanted) ?? known.find(({ name }) => name.toLowerCase() === wanted.toLowerCase());
  if (found !== undefined) return describeDevice(found.bus, found.name, roots);
  const names = known.map(({ name }) => name);
  // '00:05' for 0000:00:05.0, 'pl031' for 9010000.pl031: a part of a name says more than letters that are alike.
  const parts = names.filter((name) => wanted.length > 1 && name.toLowerCase().includes(wanted.toLowerCase()));
  const near = parts.length > 0 && parts.length <= 4 ? parts : nearest(wanted, names);
  throw new VfioError({
    kind: 'absent',
    operation,
    device: address,
    why: 'there is no such device on the PCI, platform, AMBA, fsl-mc or CDX bus',
    hint: near.length > 0 ? `did you mean ${near.join(' or ')}?` : '`devices` lists what there is',
  });
}

/** What sysfs says about the device `name` of `bus`. */
export function describeDevice(bus: BusName, name: string, roots: Roots = systemRoots): BusDevice {
  const path = join(devicesPath(bus, roots), name);
  const iommuGroup = linkTarget(join(path, 'iommu_group'));
  const groupPath = iommuGroup === undefined ? undefined : join(roots.sys, 'kernel/iommu_groups', iommuGroup);
  const override = attribute(join(path, 'driver_override'));
  const driver = linkTarget(join(path, 'driver'));
  const groupType = groupPath === undefined ? undefined : attribute(join(groupPath, 'type'));
  const vfioDev = entries(join(path, 'vfio-dev')).find((entry) => entry.startsWith('vfio'));
  const modalias = attribute(join(path, 'modalias'));
  const ids = bus === 'pci' || bus === 'cdx' ? pciIds(path) : undefined;
  return {
    bus,
    name,
    path,
    noIommu: groupPath !== undefined && attribute(join(groupPath, 'name')) === 'vfio-noiommu',
    compatible: stringList(join(path, 'of_node/compatible')),
    ...(driver !== undefined && { driver }),
    ...(override !== undefined && override !== '(null)' && override !== '' && { driverOverride: override }),
    ...(iommuGroup !== undefined && { iommuGroup }),
    ...(groupType !== undefined && { groupType }),
    ...(vfioDev !== undefined && { vfioDev }),
    ...(modalias !== undefined && { modalias }),
    ...(ids !== undefined && { ids }),
  };
}

/** A PCI-to-PCI or CardBus bridge: its config space is not that of an endpoint. */
export function isBridge({ bus, ids }: BusDevice): boolean {
  return bus === 'pci' && ids !== undefined && (ids.class >> 8 === 0x0604 || ids.class >> 8 === 0x0607);
}

/** Whether a VFIO driver has the device: the bus's own, or a vendor's variant such as mlx5_vfio_pci. */
export function isVfioBound(device: BusDevice): boolean {
  return device.vfioDev !== undefined || (device.driver !== undefined && isVfioDriver(device.driver));
}

/** Whether a driver is VFIO's by its name: vfio-pci, vfio-amba, mlx5_vfio_pci. */
export function isVfioDriver(name: string): boolean {
  return /(^|[-_])vfio([-_]|$)/.test(name);
}

function pciIds(path: string): PciIds | undefined {
  const number = (name: string): number => Number(attribute(join(path, name)) ?? Number.NaN);
  const vendor = number('vendor');
  const device = number('device');
  if (Number.isNaN(vendor) || Number.isNaN(device)) return undefined;
  return {
    vendor,
    device,
    subsystemVendor: number('subsystem_vendor') || 0,
    subsystemDevice: number('subsystem_device') || 0,
    class: number('class') || 0,
    revision: number('revision') || 0,
  };
}
