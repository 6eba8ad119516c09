import { release } from 'node:os';
import {
  attachIommufdRequest,
  bindIommufdRequest,
  boundDeviceId,
  VFIO_DEVICE_ATTACH_IOMMUFD_PT,
  VFIO_DEVICE_BIND_IOMMUFD,
} from '../abi/vfio.js';
import type { BusDevice } from '../bus/bus-device.js';
import { endThatOne, heldBy, holderList, holdersOf } from '../bus/device-node.js';
import { unsafeInterrupts } from '../bus/isolation.js';
import { notViable } from '../bus/obstacle.js';
import { portRegions } from '../bus/pci-ports.js';
import type { Roots } from '../bus/roots.js';
import { cdevNode, groupNode, iommufdNode, noCdev } from '../bus/way-in.js';
import { VfioError, type Meaning } from '../errors.js';
import { ioctl } from '../sys/libc.js';
import { IommufdPort } from './iommufd-port.js';
import { groupTaken, othersInGroup } from './kernel-claim.js';
import { checked, FdSet, plainMeaning } from './kernel-call.js';
import { KernelDevice } from './kernel-device.js';
import { departureOf, openNode } from './kernel-node.js';

/**
 * Opens a device by its own node and iommufd: /dev/vfio/devices/vfioN, BIND_IOMMUFD, an address space of /dev/iommu, ATTACH_IOMMUFD_PT.
 * No interrupt, no mapping and no bus mastering is switched on; that the kernel resets the device on its first open, where
 * it can, is the kernel's own doing. Throws a VfioError that says which step was refused, why, and what to try.
 */
export function openCdev(device: BusDevice, roots: Roots): KernelDevice {
  const node = cdevNode(device, roots);
  if (node === undefined) {
    throw new VfioError({
      kind: 'absent',
      operation: 'open',
      device: device.name,
      ...noCdev,
    });
  }
  const fds = new FdSet();
  try {
    const iommufd = fds.add(openNode(iommufdNode(roots), device.name, roots));
    const fd = fds.add(openNode(node, device.name, roots));
    const binding = bindIommufdRequest(iommufd);
    checked('VFIO_DEVICE_BIND_IOMMUFD', device.name, ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, binding), (errno) =>
      bindMeaning(errno, device, node.path, roots),
    );
    const dma = new IommufdPort(iommufd, device.name, { fd, id: boundDeviceId(binding) });
    const attached = ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, attachIommufdRequest(dma.ioas));
    checked('VFIO_DEVICE_ATTACH_IOMMUFD_PT', device.name, attached, attachMeaning);
    return new KernelDevice({
      via: 'cdev',
      name: device.name,
      ...(device.iommuGroup !== undefined && { group: device.iommuGroup }),
      warnings: [],
      fd,
      fds,
      dma,
      access: { release: release(), arch: process.arch, ports: portRegions(device) },
      departure: departureOf(node.path),
    });
  } catch (error) {
    fds.close();
    throw error;
  }
}

/** VFIO_DEVICE_BIND_IOMMUFD claims the group's DMA, enables the device, and refuses a second user of either. */
function bindMeaning(errno: string, device: BusDevice, node: string, roots: Roots): Meaning {
  const taken = notViable(device, roots);
  if (taken !== undefined && (errno === 'EPERM' || errno === 'EBUSY' || errno === 'EINVAL')) return taken;
  if (errno === 'EBUSY') {
    return {
      kind: 'busy',
      why: `${heldBy([groupNode(device, roots).path], roots)} has the device's group ${device.iommuGroup ?? ''} open`,
      hint: endThatOne(['/dev/vfio/*']),
    };
  }
  if (errno === 'EINVAL') return secondUser(node, roots);
  if (errno === 'EPERM') {
    // The kernel says no more than EPERM for either: a foreign owner of the group, or interrupts that are not isolated.
    return othersInGroup(device, roots) === undefined ? unsafeInterrupts('iommufd', roots) : groupTaken(device, roots);
  }
  return plainMeaning(errno);
}

/** The kernel answers EINVAL to the second process that binds a device; anyone may open the node. */
function secondUser(node: string, roots: Roots): Meaning {
  const others = holdersOf([node], roots);
  const ours = others.filter(({ pid }) => pid !== process.pid);
  const holder = holderList(ours.length > 0 ? ours : others);
  return {
    kind: 'busy',
    why: `the device is bound to an iommufd already${holder === undefined ? '' : ` (${holder} has it open)`}`,
    hint: endThatOne([node]),
  };
}

function attachMeaning(errno: string): Meaning {
  if (errno === 'EINVAL' || errno === 'EBUSY') {
    return {
      kind: 'busy',
      why: 'the IOMMU does not take the device into a new address space: another device of its group is in one',
      hint: 'close the other devices of the group',
    };
  }
  return plainMeaning(errno);
}
