import { VfioError } from '../errors.js';
import { openCdev } from '../transport/cdev.js';
import { openGroup } from '../transport/group.js';
import type { Transport } from '../transport/transport.js';
import { findDevice } from './bus-device.js';
import { obstacleTo } from './obstacle.js';
import { systemRoots, type Roots } from './roots.js';
import { preferredWay } from './way-in.js';

export interface KernelOpenOptions {
  /** The way in; by default cdev where there are /dev/iommu and a node of the device, else group. */
  readonly via?: 'group' | 'cdev';
  readonly roots?: Roots;
}

/**
 * Opens the device at `address` by the kernel's VFIO. Throws a VfioError that says what is in the way (no such device, no IOMMU, no VFIO, a driver,
 * another device of the group, a missing right, another process) and what to try.
 */
export function openKernelDevice(address: string, options: KernelOpenOptions = {}): Transport {
  const roots = options.roots ?? systemRoots;
  const device = findDevice(address, roots);
  const obstacle = obstacleTo(device, roots);
  if (obstacle !== undefined) throw new VfioError(obstacle);
  const via = options.via ?? preferredWay(device, roots);
  return via === 'cdev' ? openCdev(device, roots) : openGroup(device, roots);
}
