import { join } from 'node:path';
import { describeDevice, type BusDevice } from '../bus/bus-device.js';
import { groupMembers } from '../bus/iommu-group.js';
import { holderList, holdersOf } from '../bus/device-node.js';
import { cdevNode } from '../bus/obstacle.js';
import type { Roots } from '../bus/roots.js';
import { attribute } from '../bus/sysfs.js';
import type { Meaning } from './kernel-call.js';

/** The nodes in /dev/vfio/devices of every device in the group of `device`: a user of one keeps the group from being opened. */
export function cdevNodes(device: BusDevice, roots: Roots): string[] {
  const names = device.iommuGroup === undefined ? [device.name] : groupMembers(device.iommuGroup, roots);
  return names.flatMap((name) => cdevNode(describeDevice(device.bus, name, roots), roots) ?? []);
}

/** The processes that have another device of the group of `device` open through iommufd, in words; undefined where none was seen. */
export function othersInGroup(device: BusDevice, roots: Roots): string | undefined {
  const own = cdevNode(device, roots);
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
    hint: 'end that one first; `fuser -v /dev/vfio/devices/*` as root tells who it is',
  };
}

/** EPERM of SET_IOMMU and BIND_IOMMUFD: `module` is whose parameter decides. */
export function unsafeInterrupts(module: 'vfio_iommu_type1' | 'iommufd', roots: Roots): Meaning {
  const parameter = `/sys/module/${module}/parameters/allow_unsafe_interrupts`;
  const allowed = attribute(join(roots.sys, parameter.slice('/sys/'.length))) === 'Y';
  if (allowed)
    return { kind: 'permission', why: `the kernel refuses it, though ${module}.allow_unsafe_interrupts is on` };
  return {
    kind: 'permission',
    why:
      'the IOMMU cannot isolate the interrupts of this device (no interrupt remapping), so that its DMA could raise ' +
      'any interrupt, and VFIO allows that only when told to',
    hint: `if you trust the device, as root: echo 1 > ${parameter} (or ${module}.allow_unsafe_interrupts=1 on the kernel command line)`,
  };
}
