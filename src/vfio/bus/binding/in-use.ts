import type { BusDevice } from '../bus-device.js';
import { holderList, holdersOf } from '../device-node.js';
import type { Roots } from '../roots.js';
import { cdevNode, groupNode } from '../way-in.js';
import { othersOf } from './companions.js';
import { consolesOf } from './in-use-console.js';
import { disksOf } from './in-use-disk.js';
import { routesOf } from './in-use-network.js';
import { realPath } from './sysfs-path.js';

/** What this machine would lose with a device: 'nvme0n1p2 is mounted on /'. */
export function usesOf(device: BusDevice, roots: Roots): string[] {
  if (device.driver === undefined) return [];
  const path = realPath(device.path);
  if (path === undefined) return [];
  return [...disksOf(path, roots), ...routesOf(path, roots), ...consolesOf(path, roots), ...vfioUsersOf(device, roots)];
}

/** The processes that have the device, or its group, open by VFIO: the kernel would wait for them to let go. */
function vfioUsersOf(device: BusDevice, roots: Roots): string[] {
  if (device.vfioDev === undefined && device.iommuGroup === undefined) return [];
  const nodes = [groupNode(device, roots), cdevNode(device, roots)].flatMap((node) => node?.path ?? []);
  const holders = holderList(holdersOf(nodes, roots));
  return holders === undefined ? [] : [`${holders} has ${device.name}, or its group, open by VFIO`];
}

/** The processes that have another device of its IOMMU group open by VFIO: until they let go, no driver that does DMA gets any of them. */
export function groupUsesOf(device: BusDevice, roots: Roots): string[] {
  return othersOf(device, roots).flatMap((other) => vfioUsersOf(other, roots));
}
