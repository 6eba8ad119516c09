import { join } from 'node:path';
import { busNames, describeDevice, devicesPath, isVfioBound } from './bus-device.js';
import { awaitedContainer } from './fsl-mc.js';
import type { Roots } from './roots.js';
import { entries, exists, linkTarget } from './sysfs.js';

/** A device of an IOMMU group that keeps the group from being used by VFIO. */
export interface Blocker {
  readonly name: string;
  readonly driver: string;
}

/**
 * Drivers that leave DMA to whoever owns the group, so that they may stay bound beside VFIO (the kernel's driver_managed_dma).
 */
const harmless: ReadonlySet<string> = new Set(['pcieport', 'pci-stub', 'pci-pf-stub', 'simple-pm-bus']);

/** Whether devices of `driver` may stay in a group that VFIO has. */
export function leavesDma(driver: string): boolean {
  return harmless.has(driver);
}

/** The names of the devices in IOMMU group `group`. */
export function groupMembers(group: string, roots: Roots): string[] {
  return entries(join(roots.sys, 'kernel/iommu_groups', group, 'devices'));
}

/**
 * The devices of a group whose drivers make it not viable: everything must be bound to VFIO, to a harmless driver or to nothing. What goes with a container
 * is in nobody's way: the container is.
 */
export function groupBlockers(group: string, roots: Roots): Blocker[] {
  return groupMembers(group, roots).flatMap((name) => {
    const bus = busNames.find((one) => exists(join(devicesPath(one, roots), name)));
    const member = bus === undefined ? undefined : describeDevice(bus, name, roots);
    const driver = member?.driver ?? linkTarget(join(groupDevice(group, name, roots), 'driver'));
    if (driver === undefined || leavesDma(driver)) return [];
    if (member !== undefined && (isVfioBound(member) || awaitedContainer(member, roots) !== undefined)) return [];
    return [{ name, driver }];
  });
}

function groupDevice(group: string, name: string, roots: Roots): string {
  return join(roots.sys, 'kernel/iommu_groups', group, 'devices', name);
}

/** '0000:02:01.0 (e1000e), 0000:02:02.0 (nvme)'. */
export function blockerList(blockers: readonly Blocker[]): string {
  return blockers.map(({ name, driver }) => `${name} (${driver})`).join(', ');
}
