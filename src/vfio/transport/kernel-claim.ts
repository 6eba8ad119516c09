import { describeDevice, type BusDevice } from '../bus/bus-device.js';
import { groupMembers } from '../bus/iommu-group.js';
import { endThatOne, holderList, holdersOf } from '../bus/device-node.js';
import type { Roots } from '../bus/roots.js';
import { cdevNode } from '../bus/way-in.js';
import type { Meaning } from '../errors.js';

/** The nodes in /dev/vfio/devices of every device in the group of `device`: a user of one keeps the group from being opened. */
export function cdevNodes(device: BusDevice, roots: Roots): string[] {
  const names = device.iommuGroup === undefined ? [device.name] : groupMembers(device.iommuGroup, roots);
  return names.flatMap((name) => cdevNode(describeDevice(device.bus, name, roots), roots)?.path ?? []);
}

/** The processes that have another device of the group of `device` open through iommufd, in words; undefined where none was seen. */
export function othersInGroup(device: BusDevice, roots: Roots): string | undefined {
  const own = cdevNode(device, roots)?.path;
  return holderList(
    holdersOf(
      cdevNodes(device, roots).filter((node) => node !== own),
      roots,
    ),
  );
}

/** No driver is in the way, and yet somebody has the group: a process that opened one of its devices through iommufd. */
export function groupTaken(device: BusDevice, roots: Roots): Meaning {
  const holder = holderList(holdersOf(cdevNodes(device, roots), roots)) ?? 'another process';
  return {
    kind: 'busy',
    why: `the IOMMU group ${device.iommuGroup ?? '?'} is taken: ${holder} has a device of it open`,
    hint: endThatOne(['/dev/vfio/devices/*']),
  };
}
