import { release } from 'node:os';
import {
  groupStatusFlags,
  groupStatusRequest,
  VFIO_API_VERSION,
  VFIO_CHECK_EXTENSION,
  VFIO_GET_API_VERSION,
  VFIO_GROUP_FLAGS_VIABLE,
  VFIO_GROUP_GET_DEVICE_FD,
  VFIO_GROUP_GET_STATUS,
  VFIO_GROUP_SET_CONTAINER,
  VFIO_NOIOMMU_IOMMU,
  VFIO_SET_IOMMU,
  VFIO_TYPE1v2_IOMMU,
} from '../abi/vfio.js';
import { unsafeInterrupts } from '../bus/isolation.js';
import { notViable } from '../bus/obstacle.js';
import type { BusDevice } from '../bus/bus-device.js';
import { portRegions } from '../bus/pci-ports.js';
import type { Roots } from '../bus/roots.js';
import { cdevNode, containerNode, groupNode } from '../bus/way-in.js';
import { VfioError, type Meaning } from '../errors.js';
import { ioctl, ioctlValue } from '../sys/libc.js';
import { cdevNodes, groupTaken } from './kernel-claim.js';
import { checked, FdSet, plainMeaning } from './kernel-call.js';
import { KernelDevice } from './kernel-device.js';
import { departureOf, openNode } from './kernel-node.js';
import { NoIommuPort, Type1Port } from './type1-port.js';

/**
 * Opens a device by its IOMMU group and a container of its own: /dev/vfio/N, SET_CONTAINER, SET_IOMMU (type1, version 2), GET_DEVICE_FD.
 * A no-IOMMU group is opened with a warning. No interrupt, no mapping and no bus mastering is switched on; that the
 * kernel resets the device on its first open, where it can, is the kernel's own doing.
 * Throws a VfioError that says which step was refused, why, and what to try.
 */
export function openGroup(device: BusDevice, roots: Roots): KernelDevice {
  const fds = new FdSet();
  try {
    const container = fds.add(openContainer(device, roots));
    const group = fds.add(openNode(groupNode(device, roots), device.name, roots, cdevNodes(device, roots)));
    requireViable(group, device, roots);
    const number = Buffer.alloc(4);
    number.writeInt32LE(container);
    checked('VFIO_GROUP_SET_CONTAINER', device.name, ioctl(group, VFIO_GROUP_SET_CONTAINER, number), (errno) =>
      claimMeaning(errno, device, roots),
    );
    setIommu(container, device, roots);
    const name = Buffer.from(`${device.name}\0`);
    const opened = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
    const fd = fds.add(checked('VFIO_GROUP_GET_DEVICE_FD', device.name, opened, deviceMeaning));
    return new KernelDevice({
      via: 'group',
      name: device.name,
      ...(device.iommuGroup !== undefined && { group: device.iommuGroup }),
      warnings: device.noIommu
        ? ['no-IOMMU group: DMA of this device is unchecked and reaches all of memory; the kernel is tainted']
        : [],
      fd,
      fds,
      dma: device.noIommu ? new NoIommuPort(device.name) : new Type1Port(container, device.name),
      access: { release: release(), arch: process.arch, ports: portRegions(device) },
      departure: departureOf(cdevNode(device, roots)?.path),
    });
  } catch (error) {
    fds.close();
    throw error;
  }
}

function openContainer(device: BusDevice, roots: Roots): number {
  const container = openNode(containerNode(roots), device.name, roots);
  const version = ioctl(container, VFIO_GET_API_VERSION, null).value;
  if (version === VFIO_API_VERSION) return container;
  const fds = new FdSet();
  fds.add(container);
  fds.close();
  throw new VfioError({
    kind: 'unsupported',
    operation: 'VFIO_GET_API_VERSION',
    device: device.name,
    why: `the kernel speaks version ${version} of VFIO, this program ${VFIO_API_VERSION}`,
  });
}

function requireViable(group: number, device: BusDevice, roots: Roots): void {
  const status = groupStatusRequest();
  const asked = ioctl(group, VFIO_GROUP_GET_STATUS, status);
  checked('VFIO_GROUP_GET_STATUS', device.name, asked, plainMeaning);
  if ((groupStatusFlags(status) & VFIO_GROUP_FLAGS_VIABLE) !== 0) return;
  throw new VfioError(
    notViable(device, roots) ?? { operation: 'open', device: device.name, ...groupTaken(device, roots) },
  );
}

/** VFIO_GROUP_SET_CONTAINER claims the group's DMA for this process. */
function claimMeaning(errno: string, device: BusDevice, roots: Roots): Meaning {
  if (errno === 'EPERM' || errno === 'EBUSY') return notViable(device, roots) ?? groupTaken(device, roots);
  if (errno === 'EINVAL') return { kind: 'busy', why: 'the group belongs to a container already' };
  return plainMeaning(errno);
}

function setIommu(container: number, device: BusDevice, roots: Roots): void {
  const type = device.noIommu ? VFIO_NOIOMMU_IOMMU : VFIO_TYPE1v2_IOMMU;
  if (ioctlValue(container, VFIO_CHECK_EXTENSION, type).value !== 1) {
    throw new VfioError({
      kind: 'unsupported',
      operation: 'VFIO_CHECK_EXTENSION',
      device: device.name,
      why: device.noIommu
        ? 'the kernel does not allow devices without an IOMMU'
        : 'the kernel has no type1 IOMMU driver for VFIO',
      hint: device.noIommu
        ? 'as root: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
        : 'modprobe vfio_iommu_type1, or try --via cdev',
    });
  }
  checked('VFIO_SET_IOMMU', device.name, ioctlValue(container, VFIO_SET_IOMMU, type), (errno) => {
    if (errno === 'EPERM') return device.noIommu ? needsRawIo : unsafeInterrupts('vfio_iommu_type1', roots);
    if (errno === 'ENODEV') {
      return { kind: 'unsupported', why: 'no IOMMU driver of the kernel takes this group', hint: 'try --via cdev' };
    }
    return plainMeaning(errno);
  });
}

const needsRawIo: Meaning = {
  kind: 'permission',
  why: 'a no-IOMMU group needs CAP_SYS_RAWIO',
  hint: 'run as root',
};

/** VFIO_GROUP_GET_DEVICE_FD enables the device: what its driver says to that arrives here. */
function deviceMeaning(errno: string): Meaning {
  if (errno === 'EBUSY') return { kind: 'busy', why: 'the device is open already' };
  if (errno === 'ENODEV') return { kind: 'lost', why: 'VFIO does not have the device any more', hint: 'see `devices`' };
  return { kind: 'kernel', why: 'the VFIO driver could not enable the device', hint: 'the end of `dmesg` tells why' };
}
