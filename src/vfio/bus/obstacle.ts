import { join } from 'node:path';
import type { FailureDetails } from '../errors.js';
import { shellWord } from '../shell-word.js';
import { isBridge, isVfioBound, vfioDrivers, type BusDevice } from './bus-device.js';
import { awaitedContainer, containment, isRootContainer } from './fsl-mc.js';
import { type Absence, noGroup, noIommu } from './iommu-absence.js';
import { blockerList, groupBlockers } from './iommu-group.js';
import { noResetFunction } from './reset-function.js';
import type { Roots } from './roots.js';
import { attribute, exists } from './sysfs.js';

/** What is in the way of opening a device. */
export interface Obstacle extends FailureDetails {
  /** The same in two or three words, for a table. */
  readonly brief: string;
}

/** `none`: why this machine has no IOMMU, if it has none. */
type Look = (device: BusDevice, roots: Roots, none: Absence | undefined) => FailureDetails | undefined;
type Brief = string | ((device: BusDevice, roots: Roots) => string);

const looks: readonly (readonly [brief: Brief, look: Look])[] = [
  ['bridge', bridge],
  ['no IOMMU', (device, roots, none) => none && withoutGroup(device, roots, none)],
  ['no IOMMU group', (device, roots, none) => (none ? undefined : withoutGroup(device, roots, none))],
  ['no /dev/vfio', noVfio],
  ['has VFs', withVirtualFunctions],
  [containmentBrief, contained],
  ['bind first', otherDriver],
  ['group blocked', notViable],
];

/**
 * What keeps VFIO from opening `device`, as far as sysfs and /dev show it, the most fundamental first; undefined where nothing is in the way.
 * Opens nothing and touches no device.
 */
export function obstacleTo(device: BusDevice, roots: Roots): FailureDetails | undefined {
  const none = noIommu(roots);
  for (const [, look] of looks) {
    const found = look(device, roots, none);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** All that keeps VFIO from opening `device`, each with a word for it. */
export function obstaclesTo(device: BusDevice, roots: Roots, none = noIommu(roots)): Obstacle[] {
  return looks.flatMap(([brief, look]) => {
    const found = look(device, roots, none);
    return found === undefined ? [] : [{ brief: typeof brief === 'string' ? brief : brief(device, roots), ...found }];
  });
}

function failure(device: BusDevice, kind: FailureDetails['kind'], why: string, hint: string): FailureDetails {
  return { kind, operation: 'open', device: device.name, why, hint };
}

/** A PCI bridge: vfio-pci takes none. */
export function bridge(device: BusDevice): FailureDetails | undefined {
  if (!isBridge(device) || isVfioBound(device)) return undefined;
  const why = 'it is a PCI bridge, and vfio-pci takes endpoints only';
  return failure(device, 'unsupported', why, 'take one of the devices behind it');
}

/** No IOMMU translates what the device sends. */
export function withoutGroup(device: BusDevice, roots: Roots, none: Absence | undefined): FailureDetails | undefined {
  const absence = noGroup(device, roots, none);
  return absence && failure(device, 'absent', absence.why, absence.hint);
}

/** No /dev/vfio: the modules are not loaded, or this is a container that was not given the nodes. */
export function noVfio(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (exists(join(roots.dev, 'vfio'))) return undefined;
  if (isVfioBound(device)) {
    const why = `it is bound to ${device.driver ?? 'VFIO'}, and yet there is no /dev/vfio here`;
    return failure(
      device,
      'absent',
      why,
      'in a container, hand /dev/vfio through to it; else see whether devtmpfs is mounted on /dev',
    );
  }
  const driver = vfioDrivers[device.bus];
  return failure(device, 'absent', 'VFIO is not loaded: there is no /dev/vfio', `modprobe ${driver}`);
}

/** VFIO does not take a physical function while its virtual functions are there. Source: vfio_pci_core_register_device. */
export function withVirtualFunctions(device: BusDevice): FailureDetails | undefined {
  const file = join(device.path, 'sriov_numvfs');
  const count = Number(attribute(file) ?? 0);
  if (!(count > 0) || isVfioBound(device)) return undefined;
  return failure(
    device,
    'busy',
    `it is a physical function with ${count} virtual functions enabled, and VFIO refuses it like that`,
    `take one of its virtual functions, or as root: echo 0 > ${file}`,
  );
}

/** An object of fsl-mc, which VFIO takes with its container. */
export function contained(device: BusDevice, roots: Roots): FailureDetails | undefined {
  const reason = containment(device, roots);
  return reason && failure(device, 'unsupported', reason.why, reason.hint);
}

function containmentBrief(device: BusDevice, roots: Roots): string {
  const container = awaitedContainer(device, roots);
  return container === undefined || isRootContainer(container) ? 'root container' : `bind ${container.name}`;
}

/** A driver that is not VFIO's has the device, or none has. Of what goes with its container, the container's counts. */
export function otherDriver(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (isVfioBound(device) || containment(device, roots) !== undefined) return undefined;
  const wanted = vfioDrivers[device.bus];
  if (device.driver === undefined)
    return failure(device, 'absent', `no driver is bound to it; VFIO needs ${wanted} there`, howToBind(device, roots));
  const why = `it is bound to the driver ${device.driver} and not to ${wanted}`;
  return failure(device, 'busy', why, howToBind(device, roots));
}

/** The command that gives the device, or the container that it goes with, to VFIO. */
export function bindCommand(device: BusDevice, roots: Roots): string {
  const { name } = awaitedContainer(device, roots) ?? device;
  return `as root: vfiodbg bind ${shellWord(name)}`;
}

/** The command that gives the device to VFIO, and what its driver demands before it takes it. */
function howToBind(device: BusDevice, roots: Roots): string {
  const reset = noResetFunction(device, roots);
  const first = reset === undefined ? '' : `${reset.why}; ${reset.hint}. Then `;
  return `${first}${bindCommand(device, roots)}`;
}

/** Other devices keep the group from being used: each must be bound to VFIO, to a driver that does no DMA, or to nothing. */
export function notViable(device: BusDevice, roots: Roots): FailureDetails | undefined {
  if (device.iommuGroup === undefined || awaitedContainer(device, roots) !== undefined) return undefined;
  const blockers = groupBlockers(device.iommuGroup, roots).filter(({ name }) => name !== device.name);
  if (blockers.length === 0) return undefined;
  const all = blockerList(blockers);
  return failure(
    device,
    'busy',
    `its IOMMU group ${device.iommuGroup} is not viable: ${all} ${blockers.length > 1 ? 'have' : 'has'} a driver that is not VFIO's`,
    `as root: vfiodbg bind ${device.name} --whole-group`,
  );
}
