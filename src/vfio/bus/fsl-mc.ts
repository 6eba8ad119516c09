import { basename, dirname } from 'node:path';
import { realpathSync } from 'node:fs';
import { type BusDevice, describeDevice, devicesPath, isVfioBound } from './bus-device.js';
import type { Absence } from './iommu-absence.js';
import type { Roots } from './roots.js';
import { entries, exists } from './sysfs.js';

/**
 * Objects of fsl-mc (network interfaces, queues) lie in containers, DPRCs, and a container with all that is in it is what VFIO takes: its objects come
 * and go as it changes drivers, and those of a container that vfio-fsl-mc has are given to vfio-fsl-mc by the kernel. Source: drivers/vfio/fsl-mc/vfio_fsl_mc.c,
 * vfio_fsl_mc_bus_notifier, vfio_fsl_mc_init_dev; drivers/bus/fsl-mc/dprc-driver.c.
 */

const containerName = /^dprc\.\d+$/;

/** The container that an object lies in; undefined of containers, of other buses, and where sysfs does not tell. */
function containerOf(device: BusDevice, roots: Roots): BusDevice | undefined {
  if (device.bus !== 'fsl-mc' || containerName.test(device.name)) return undefined;
  const above = nameAbove(device);
  return above === undefined || !containerName.test(above) || !exists(`${devicesPath('fsl-mc', roots)}/${above}`)
    ? undefined
    : describeDevice('fsl-mc', above, roots);
}

/** The name of the directory in sysfs that a device's own lies in. */
function nameAbove({ path }: BusDevice): string | undefined {
  try {
    return basename(dirname(realpathSync(path)));
  } catch {
    return undefined;
  }
}

/** The container that has to be given to VFIO before the object can be; undefined where there is none, or VFIO has it. */
export function awaitedContainer(device: BusDevice, roots: Roots): BusDevice | undefined {
  const container = containerOf(device, roots);
  return container === undefined || isVfioBound(container) ? undefined : container;
}

/** Whether it is the container that all others lie in, by which Linux runs the bus. */
export function isRootContainer(device: BusDevice): boolean {
  if (device.bus !== 'fsl-mc' || !containerName.test(device.name)) return false;
  const above = nameAbove(device);
  return above !== undefined && !containerName.test(above);
}

/** Why VFIO cannot have an object, or a container, of fsl-mc by itself; undefined where it can. */
export function containment(device: BusDevice, roots: Roots): Absence | undefined {
  if (isVfioBound(device)) return undefined;
  if (isRootContainer(device)) {
    const why = 'it is the root container, by which Linux runs the whole fsl-mc bus';
    return { why, hint: `take a container below it: restool dprc create ${device.name}` };
  }
  const container = awaitedContainer(device, roots);
  if (container === undefined) return undefined;
  const { name } = container;
  const rule = 'VFIO takes objects of fsl-mc with the container that they lie in';
  if (!isRootContainer(container)) {
    const where = `${name}, which ${container.driver === undefined ? 'has no driver' : `is bound to ${container.driver}`}`;
    return { why: `${rule}, and it lies in ${where}`, hint: `as root: vfiodbg bind ${name}` };
  }
  return {
    why: `${rule}, and it lies in the root container ${name}, which Linux keeps`,
    hint:
      `put it into a container below: restool dprc create ${name}, then ` +
      `restool dprc assign ${name} --object=${device.name} --child=dprc.N --plugged=1, and bind that dprc.N`,
  };
}

/** The objects that lie in a container now, by name; empty of anything else. */
export function objectsIn(device: BusDevice, roots: Roots): string[] {
  if (device.bus !== 'fsl-mc' || !containerName.test(device.name)) return [];
  return entries(device.path).filter((name) => exists(`${devicesPath('fsl-mc', roots)}/${name}`));
}
