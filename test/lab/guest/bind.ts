import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

export type Bus = 'pci' | 'amba' | 'platform';

const VFIO_DRIVERS: Record<Bus, string> = { pci: 'vfio-pci', amba: 'vfio-amba', platform: 'vfio-platform' };

/** Where the kernel offers a bound device. */
export interface VfioNodes {
  /** /dev/vfio/GROUP, or /dev/vfio/noiommu-GROUP. */
  group: string;
  /** /dev/vfio/devices/vfioN. */
  cdev: string;
}

/** The name of the driver that holds a device, if any. */
export function driverOf(bus: Bus, device: string): string | undefined {
  const link = join(devicePath(bus, device), 'driver');
  return existsSync(link) ? basename(readlinkSync(link)) : undefined;
}

/** The number of a device's IOMMU group, if it is in one. */
export function groupOf(bus: Bus, device: string): string | undefined {
  const link = join(devicePath(bus, device), 'iommu_group');
  return existsSync(link) ? basename(readlinkSync(link)) : undefined;
}

/** Takes a device from its driver, if it has one, and gives it to VFIO. Throws the kernel's error when VFIO refuses it. */
export function bindToVfio(bus: Bus, device: string): VfioNodes {
  const driver = VFIO_DRIVERS[bus];
  if (driverOf(bus, device) !== driver) {
    unbind(bus, device);
    writeFileSync(join(devicePath(bus, device), 'driver_override'), driver);
    writeFileSync(`/sys/bus/${bus}/drivers_probe`, device);
  }
  if (driverOf(bus, device) !== driver) throw new Error(`${driver} did not take ${device}`);
  const number = groupOf(bus, device);
  const [cdev] = readdirSync(join(devicePath(bus, device), 'vfio-dev'));
  const groups = [`/dev/vfio/${number}`, `/dev/vfio/noiommu-${number}`];
  const group = groups.find((node) => existsSync(node));
  if (group === undefined || cdev === undefined) throw new Error(`${device} has no node in /dev/vfio`);
  return { group, cdev: `/dev/vfio/devices/${cdev}` };
}

/** Takes a device from its driver and clears the override; the device then has no driver. */
export function unbind(bus: Bus, device: string): void {
  const path = devicePath(bus, device);
  if (existsSync(join(path, 'driver'))) writeFileSync(join(path, 'driver/unbind'), device);
  // A newline and not an empty string: the kernel is never called for a write of no bytes.
  writeFileSync(join(path, 'driver_override'), '\n');
}

/** The addresses of the PCI devices with these IDs, lowest first. */
export function findPci(vendor: number, device: number): string[] {
  return readdirSync('/sys/bus/pci/devices')
    .filter((address) => id(address, 'vendor') === vendor && id(address, 'device') === device)
    .sort();
}

function id(address: string, file: 'vendor' | 'device'): number {
  return Number(readFileSync(join(devicePath('pci', address), file), 'utf8'));
}

export function devicePath(bus: Bus, device: string): string {
  const path = `/sys/bus/${bus}/devices/${device}`;
  if (!existsSync(path)) throw new Error(`there is no ${bus} device ${device}`);
  return path;
}
