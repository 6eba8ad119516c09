import { join } from 'node:path';
import { isVfioBound, vfioDrivers } from '../bus/bus-device.js';
import { groupBlockers, groupMembers } from '../bus/iommu-group.js';
import { kernelRelease } from '../bus/kernel-modules.js';
import { bridge, notViable, otherDriver, withVirtualFunctions } from '../bus/obstacle.js';
import { noResetFunction, resetModule, resetRequired } from '../bus/reset-function.js';
import { deviceCheck, fail, pass, skip, warn } from './check.js';

/** Whether VFIO has the device. */
export const driverCheck = deviceCheck({
  name: 'driver',
  looksAt: ({ path }) => [join(path, 'driver'), join(path, 'vfio-dev')],
  examine(device, { roots }) {
    const obstacle = bridge(device) ?? withVirtualFunctions(device) ?? otherDriver(device, roots);
    return obstacle === undefined ? pass(`${device.driver ?? 'VFIO'} has it`) : fail(obstacle);
  },
});

/** Whether an override keeps the device from the driver that is to have it. */
export const overrideCheck = deviceCheck({
  name: 'driver override',
  looksAt: ({ path }) => [join(path, 'driver_override')],
  examine(device) {
    const { driverOverride: override } = device;
    if (override === undefined) return skip('none is set');
    const wanted = override === vfioDrivers[device.bus] || isVfioBound(device);
    if (wanted && (isVfioBound(device) || device.driver === undefined)) return pass(override);
    return wanted
      ? warn(
          `${override}, and yet ${device.driver} has it: the binding was left half done`,
          `vfiodbg bind ${device.name}`,
        )
      : warn(`${override}: no other driver may take it`, `vfiodbg bind ${device.name} sets it anew`);
  },
});

/** Whether vfio-platform can reset the device, or was told to do without. */
export const resetCheck = deviceCheck({
  name: 'reset function',
  looksAt: ({ path }, { roots }) => [
    join(path, 'of_node/compatible'),
    join(roots.sys, 'module/vfio_platform/parameters/reset_required'),
    join(roots.modules, kernelRelease(roots), 'modules.alias'),
  ],
  examine(device, { roots }) {
    if (device.bus !== 'platform') return skip('only vfio-platform asks for one');
    if (isVfioBound(device)) return pass(`${device.driver ?? 'VFIO'} has taken it`);
    const lacking = noResetFunction(device, roots);
    if (lacking !== undefined) return fail(lacking);
    if (resetRequired(roots) === false) return pass('not asked for: vfio_platform.reset_required is off');
    const module = resetModule(device);
    return module === undefined
      ? skip('an ACPI device needs a method _RST, and nothing shows whether it has one')
      : pass(module);
  },
});

/** Whether the other devices of the group leave it to VFIO. */
export const viabilityCheck = deviceCheck({
  name: 'group members',
  looksAt: ({ path }) => [join(path, 'iommu_group/devices')],
  examine(device, { roots }) {
    const { iommuGroup } = device;
    if (iommuGroup === undefined) return skip('it is in no group');
    const obstacle = notViable(device, roots);
    if (obstacle !== undefined) return fail(obstacle);
    const others = groupMembers(iommuGroup, roots).filter((name) => name !== device.name);
    if (others.length === 0) return pass('it is alone in its group');
    const blocked = groupBlockers(iommuGroup, roots).length > 0;
    return pass(
      `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} in its group, ${blocked ? 'with it alone in the way' : 'and not in the way'}`,
    );
  },
});
