import { join } from 'node:path';
import type { BusDevice } from './bus-device.js';
import type { Roots } from './roots.js';
import { exists } from './sysfs.js';

/** The nodes by which a device is opened, and what it means where one is missing. */
export interface WayNode {
  readonly path: string;
  readonly absent: { readonly why: string; readonly hint: string };
}

/** /dev/vfio/vfio: containers. */
export function containerNode(roots: Roots): WayNode {
  return {
    path: join(roots.dev, 'vfio/vfio'),
    absent: {
      why: 'VFIO has no containers here',
      hint: 'modprobe vfio, or try --via cdev: this kernel may lack CONFIG_VFIO_CONTAINER',
    },
  };
}

/** The group of `device`: /dev/vfio/12 or /dev/vfio/noiommu-0. */
export function groupNode(device: BusDevice, roots: Roots): WayNode {
  return {
    path: join(roots.dev, 'vfio', `${device.noIommu ? 'noiommu-' : ''}${device.iommuGroup ?? '?'}`),
    absent: {
      why: 'VFIO has no node for the IOMMU group of this device',
      hint: 'try --via cdev: this kernel may lack CONFIG_VFIO_GROUP',
    },
  };
}

/** /dev/iommu: iommufd. */
export function iommufdNode(roots: Roots): WayNode {
  return {
    path: join(roots.dev, 'iommu'),
    absent: { why: 'the kernel has no iommufd here', hint: 'modprobe iommufd, or try --via group' },
  };
}

/** What a device has none of its own without: the kernel before 6.6, one without CONFIG_VFIO_DEVICE_CDEV, or no IOMMU. */
export const noCdev = {
  why: 'the device has no node of its own in /dev/vfio/devices',
  hint: 'try --via group: nodes of devices came with Linux 6.6 and CONFIG_VFIO_DEVICE_CDEV, and devices without an IOMMU have none',
} as const;

/** The node of `device` itself, /dev/vfio/devices/vfio0; undefined where VFIO does not have the device. */
export function cdevNode(device: BusDevice, roots: Roots): WayNode | undefined {
  if (device.vfioDev === undefined) return undefined;
  return { path: join(roots.dev, 'vfio/devices', device.vfioDev), absent: noCdev };
}

/** Which way in is taken where none is asked for. */
export function preferredWay(device: BusDevice, roots: Roots): 'group' | 'cdev' {
  const node = cdevNode(device, roots);
  return node !== undefined && exists(node.path) && exists(iommufdNode(roots).path) ? 'cdev' : 'group';
}
