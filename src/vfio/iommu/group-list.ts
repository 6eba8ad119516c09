import { join } from 'node:path';
import { busNames, describeDevice, devicesPath, isVfioBound, type BusName } from '../bus/bus-device.js';
import { groupBlockers, groupMembers, type Blocker } from '../bus/iommu-group.js';
import type { Roots } from '../bus/roots.js';
import { attribute, entries, exists, linkTarget } from '../bus/sysfs.js';
import { reservedRegions, type ReservedRegion } from './reserved-regions.js';

/** A device of an IOMMU group. */
export interface GroupMember {
  readonly name: string;
  /** Undefined for a bus that VFIO has nothing to do with. */
  readonly bus?: BusName;
  readonly driver?: string;
  readonly vfio: boolean;
}

/** An IOMMU group: the devices that the IOMMU cannot tell apart, or keep from each other. */
export interface IommuGroup {
  readonly number: string;
  /** The default domain: 'DMA', 'DMA-FQ', 'identity', ... */
  readonly type?: string;
  readonly members: readonly GroupMember[];
  /** Members that keep VFIO out; the group is viable where there are none. */
  readonly blockers: readonly Blocker[];
  readonly reserved: readonly ReservedRegion[];
  /** Made up by VFIO for a device without an IOMMU. */
  readonly noIommu: boolean;
}

/** Every IOMMU group of the machine, in the order of their numbers. Reads sysfs only. */
export function listGroups(roots: Roots): IommuGroup[] {
  return entries(join(roots.sys, 'kernel/iommu_groups'))
    .toSorted((a, b) => Number(a) - Number(b))
    .map((number) => describeGroup(number, roots));
}

export function describeGroup(number: string, roots: Roots): IommuGroup {
  const path = join(roots.sys, 'kernel/iommu_groups', number);
  const type = attribute(join(path, 'type'));
  return {
    number,
    ...(type !== undefined && { type }),
    members: groupMembers(number, roots).map((name) => describeMember(join(path, 'devices', name), name, roots)),
    blockers: groupBlockers(number, roots),
    reserved: reservedRegions(number, roots),
    noIommu: attribute(join(path, 'name')) === 'vfio-noiommu',
  };
}

function describeMember(path: string, name: string, roots: Roots): GroupMember {
  const bus = busNames.find((one) => exists(join(devicesPath(one, roots), name)));
  if (bus !== undefined) {
    const device = describeDevice(bus, name, roots);
    const vfio = isVfioBound(device);
    return { name, bus, vfio, ...(device.driver !== undefined && { driver: device.driver }) };
  }
  const driver = linkTarget(join(path, 'driver'));
  return { name, vfio: false, ...(driver !== undefined && { driver }) };
}
