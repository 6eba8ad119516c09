import { join } from 'node:path';
import { type FailureDetails, VfioError } from '../../errors.js';
import { type BusDevice, busNames, isVfioDriver, vfioDrivers } from '../bus-device.js';
import { noGroup } from '../iommu-absence.js';
import { bridge, contained, withVirtualFunctions } from '../obstacle.js';
import type { Roots } from '../roots.js';
import { exists } from '../sysfs.js';
import type { BindMethod } from './bind-plan.js';
import { driverFile, overrideFile } from './step.js';

const driverName = /^\w(?:[\w.!+ -]*[\w.!+-])?$/;

/** Throws VfioError where it is known beforehand that `driver` cannot be given the device, before anything is taken from it. */
export function refuseImpossible(device: BusDevice, driver: string, method: BindMethod, roots: Roots): void {
  const refuse = (kind: FailureDetails['kind'], why: string, hint: string): never => {
    throw new VfioError({ kind, operation: 'bind', device: device.name, why, hint });
  };
  if (!driverName.test(driver))
    refuse('unsupported', 'that is no name of a driver', `--driver ${vfioDrivers[device.bus]}`);
  const otherBus = busNames.find((bus) => bus !== device.bus && vfioDrivers[bus] === driver);
  if (otherBus !== undefined) {
    refuse(
      'unsupported',
      `${driver} is for devices on the ${otherBus} bus, and this one is on the ${device.bus} bus`,
      `leave --driver out: it goes to ${vfioDrivers[device.bus]}`,
    );
  }
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
  const obstacle = bridge(device) ?? withVirtualFunctions(device) ?? contained(device, roots);
  if (obstacle !== undefined) throw new VfioError({ ...obstacle, operation: 'bind' });
  // As long as vfio is not loaded there is no telling whether it would make a group up.
  const absence = exists(join(roots.sys, 'module/vfio')) ? noGroup(device, roots) : undefined;
  if (absence !== undefined) refuse('absent', absence.why, absence.hint);
}
