import { join } from 'node:path';
import type { FailureDetails } from '../errors.js';
import { isVfioBound, vfioDrivers, type BusDevice } from './bus-device.js';
import { bindCommands, blockerList, groupBlockers } from './iommu-group.js';
import type { Roots } from './roots.js';
import { attribute, entries, exists } from './sysfs.js';

/**
 * What keeps VFIO from opening `device`, as far as sysfs and /dev show it, the most fundamental first; undefined where nothing is in the way.
 * Opens nothing and touches no device.
 */
export function obstacleTo(device: BusDevice, roots: Roots): FailureDetails | undefined {
  return (
    bridge(device) ??
    noGroup(device, roots) ??
    noVfio(device, roots) ??
    foreignDriver(device, roots) ??
    noDriver(device, roots) ??
    notViable(device, roots)
  );
}

/** The way in to `device` by its group: /dev/vfio/12 or /dev/vfio/noiommu-0. */
export function groupNode(device: BusDevice, roots: Roots): string {
  return join(roots.dev, 'vfio', `${device.noIommu ? 'noiommu-' : ''}${device.iommuGroup ?? '?'}`);
}

/** The way in to `device` by its own node: /dev/vfio/devices/vfio0. */
export function cdevNode(device: BusDevice, roots: Roots): string | undefined {
  return device.vfioDev === undefined ? undefined : join(roots.dev, 'vfio/devices', device.vfioDev);
}

function failure(device: BusDevice, kind: FailureDetails['kind'], why: string, hint: string): FailureDetails {
  return { kind, operation: 'open', device: device.name, why, hint };
}

function bridge(device: BusDevice): FailureDetails | undefined {
  if (device.ids?.class === undefined || device.ids.class >> 8 !== 0x0604 || isVfioBound(device)) return undefined;
  return failure(
    device,
    'unsupported',
    'it is a PCI bridge, and vfio-pci takes endpoints only',
    'open one of the devices behind it',
  );
}

/**
 * No IOMMU group: there is no IOMMU at all, or none that this device goes through. On a machine described by a device tree a device
 * gets its group only when a driver first probes it, so that an unbound one may lack it for no more than that.
 */
function noGroup(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (device.iommuGroup !== undefined) return undefined;
  const groups = entries(join(roots.sys, 'kernel/iommu_groups'));
  if (groups.length === 0 && entries(join(roots.sys, 'class/iommu')).length === 0) {
    const why = `no IOMMU is at work: /sys/kernel/iommu_groups is empty${commandLineSays(roots)}`;
    return failure(device, 'absent', why, iommuHint(roots));
  }
  const node = join(device.path, 'of_node');
  const described = exists(node) && exists(join(node, 'iommus'));
  if (device.driver === undefined && (described || (device.bus === 'pci' && groups.length === 0))) return undefined;
  return failure(
    device,
    'absent',
    'it belongs to no IOMMU group: no IOMMU translates what this device sends',
    exists(node)
      ? 'its device-tree node needs an `iommus` property that names the IOMMU and a stream id'
      : 'VFIO can have such a device only with DMA unchecked: 1 in /sys/module/vfio/parameters/enable_unsafe_noiommu_mode before binding',
  );
}

/** What the kernel was told about IOMMUs when it was started. */
function commandLineSays(roots: Roots): string {
  const words = (attribute(join(roots.proc, 'cmdline')) ?? '').split(/\s+/);
  const said = words.filter((word) => /^(intel_iommu|amd_iommu|iommu|arm-smmu[.\w-]*)=/.test(word));
  return said.length > 0 ? ` (kernel command line: ${said.join(' ')})` : '';
}

function iommuHint(roots: Roots): string {
  const cpu = attribute(join(roots.proc, 'cpuinfo')) ?? '';
  const unsafe = 'or, with DMA unchecked, 1 in /sys/module/vfio/parameters/enable_unsafe_noiommu_mode before binding';
  if (cpu.includes('GenuineIntel'))
    return `switch VT-d on in the firmware and start Linux with intel_iommu=on; ${unsafe}`;
  if (cpu.includes('AuthenticAMD'))
    return `switch AMD-Vi (IOMMU) on in the firmware and start Linux without amd_iommu=off; ${unsafe}`;
  return `the device tree or ACPI must describe the IOMMU, and Linux must have its driver; ${unsafe}`;
}

/** No /dev/vfio: the modules are not loaded, or this is a container that was not given the nodes. */
function noVfio(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (exists(join(roots.dev, 'vfio'))) return undefined;
  if (isVfioBound(device)) {
    return failure(
      device,
      'absent',
      `it is bound to ${device.driver ?? 'VFIO'}, and yet there is no /dev/vfio here`,
      'in a container, hand /dev/vfio through to it; else see whether devtmpfs is mounted on /dev',
    );
  }
  const driver = vfioDrivers[device.bus];
  return failure(device, 'absent', 'VFIO is not loaded: there is no /dev/vfio', `modprobe ${driver}`);
}

function foreignDriver(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (device.driver === undefined || isVfioBound(device)) return undefined;
  const driver = vfioDrivers[device.bus];
  return failure(
    device,
    'busy',
    `it is bound to the driver ${device.driver} and not to ${driver}`,
    howToBind(device, roots),
  );
}

function noDriver(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (device.driver !== undefined || device.vfioDev !== undefined) return undefined;
  return failure(
    device,
    'absent',
    `no driver is bound to it; VFIO needs ${vfioDrivers[device.bus]} there`,
    howToBind(device, roots),
  );
}

/** The commands that give the device to VFIO, and what its driver demands before it takes it. */
function howToBind(device: BusDevice, roots: Roots): string {
  const driver = vfioDrivers[device.bus];
  const load = exists(join(roots.sys, 'bus', device.bus, 'drivers', driver)) ? '' : `modprobe ${driver}; `;
  const reset =
    device.bus === 'platform' && attribute(join(roots.sys, 'module/vfio_platform/parameters/reset_required')) !== 'N'
      ? ' (vfio-platform refuses a device for which it has no reset function, unless vfio_platform.reset_required=0)'
      : '';
  return `as root: ${load}${bindCommands(device, driver)}${reset}`;
}

/** A group is viable where each of its devices is bound to VFIO, to a driver that does no DMA, or to nothing. */
export function notViable(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (device.iommuGroup === undefined) return undefined;
  const blockers = groupBlockers(device.iommuGroup, roots);
  if (blockers.length === 0) return undefined;
  const all = blockerList(blockers);
  const [first] = blockers;
  return failure(
    device,
    'busy',
    `its IOMMU group ${device.iommuGroup} is not viable: ${all} ${blockers.length > 1 ? 'have' : 'has'} a driver that is not VFIO's`,
    `unbind ${blockers.length > 1 ? 'each of them' : 'it'}: echo ${first?.name ?? ''} > /sys/kernel/iommu_groups/${device.iommuGroup}/devices/${first?.name ?? ''}/driver/unbind`,
  );
}
