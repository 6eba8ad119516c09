import { join } from 'node:path';
import { type FailureDetails, VfioError } from '../../errors.js';
import { type BusDevice, isVfioDriver, vfioDrivers } from '../bus-device.js';
import { noGroup } from '../iommu-absence.js';
import { withVirtualFunctions } from '../obstacle.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import type { BindMethod } from './bind-plan.js';
import { driverFile, overrideFile } from './step.js';

const driverName = /^[A-Za-z0-9_][\w.!+-]*$/;

/** A PCI-to-PCI or CardBus bridge: its config space is not that of an endpoint. */
export function isBridge({ ids }: BusDevice): boolean {
  return ids !== undefined && (ids.class >> 8 === 0x0604 || ids.class >> 8 === 0x0607);
}

/** Throws VfioError where it is known beforehand that `driver` cannot be given the device, before anything is taken from it. */
export function refuseImpossible(device: BusDevice, driver: string, method: BindMethod, roots: Roots): void {
  const refuse = (kind: FailureDetails['kind'], why: string, hint: string): never => {
    throw new VfioError({ kind, operation: 'bind', device: device.name, why, hint });
  };
  if (!driverName.test(driver))
    refuse('unsupported', 'that is no name of a driver', `--driver ${vfioDrivers[device.bus]}`);
  if (method === 'override' && !exists(overrideFile(device, roots))) {
    refuse(
      'unsupported',
      'this kernel has no driver_override for it',
      device.bus === 'pci' ? '--method new_id' : 'a newer kernel has',
    );
  }
  if (device.driver !== undefined && !exists(driverFile(device.bus, device.driver, 'unbind', roots))) {
    refuse(
      'unsupported',
      `${device.driver} does not let go of its devices: it has no unbind in sysfs`,
      'start Linux without that driver, or with the device disabled for it',
    );
  }
  if (!isVfioDriver(driver)) return;
  if (isBridge(device))
    refuse('unsupported', 'it is a PCI bridge, and VFIO takes endpoints only', 'bind the devices behind it');
  const functions = withVirtualFunctions(device);
  if (functions !== undefined) throw new VfioError({ ...functions, operation: 'bind' });
  // As long as vfio is not loaded there is no telling whether it would make a group up.
  const absence = exists(join(roots.sys, 'module/vfio')) ? noGroup(device, roots) : undefined;
  if (absence !== undefined) refuse('absent', absence.why, absence.hint);
}
