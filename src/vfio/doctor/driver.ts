import { join } from 'node:path';
import { isVfioBound, vfioDrivers } from '../bus/bus-device.js';
import { bootId } from '../bus/binding/binding-state.js';
import { usesOf } from '../bus/binding/in-use.js';
import { refuseUnfinished } from '../bus/binding/unfinished.js';
import { VfioError } from '../errors.js';
import { awaitedContainer } from '../bus/fsl-mc.js';
import { groupBlockers, groupMembers } from '../bus/iommu-group.js';
import { kernelRelease } from '../bus/kernel-modules.js';
import { bindCommand, bridge, contained, notViable, otherDriver, withVirtualFunctions } from '../bus/obstacle.js';
import { noResetFunction, resetModule, resetRequired } from '../bus/reset-function.js';
import { type Check, deviceCheck, fail, pass, skip, warn } from './check.js';

/** Whether VFIO has the device. */
export const driverCheck = deviceCheck({
  name: 'driver',
  looksAt: ({ path }) => [join(path, 'driver'), join(path, 'vfio-dev')],
  examine(device, { roots }) {
    const refusal = bridge(device) ?? withVirtualFunctions(device) ?? contained(device, roots);
    if (refusal !== undefined) return fail(refusal);
    const obstacle = otherDriver(device, roots);
    if (obstacle === undefined) return pass(`${device.driver ?? 'VFIO'} has it`);
    return fail({ why: obstacle.why, hint: bindCommand(device, roots) });
  },
});

/** Whether this machine would lose something with the device: binding is refused then. */
export const useCheck = deviceCheck({
  name: 'in use',
  looksAt: (_device, { roots }) => [
    ...['self/mountinfo', 'swaps', 'net/route', 'net/ipv6_route'].map((name) => join(roots.proc, name)),
    join(roots.sys, 'class/tty/console/active'),
  ],
  examine(device, { roots }) {
    if (isVfioBound(device)) return skip('VFIO has it');
    const uses = usesOf(device, roots);
    return uses.length === 0
      ? pass('no mounted disk, default route or console is on it')
      : warn(uses.join('; '), 'this machine needs it: take another device (bind --force takes it all the same)');
  },
});

/** Whether a run of bind that was killed has left something half done. */
export const unfinishedCheck: Check = {
  name: 'unfinished bind',
  about: 'machine',
  looksAt: ({ bindings }) => [bindings],
  examine({ bindings, roots }) {
    try {
      refuseUnfinished(bindings, 'bind', bootId(roots));
      return skip('nothing was left half done');
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      const { why, hint } = error.details;
      return warn(why, hint);
    }
  },
};

/** Whether an override keeps the device from the driver that is to have it. */
export const overrideCheck = deviceCheck({
  name: 'driver override',
  looksAt: ({ path }) => [join(path, 'driver_override')],
  examine(device, { roots }) {
    const { driverOverride: override } = device;
    if (override === undefined) return skip('none is set');
    const wanted = override === vfioDrivers[device.bus] || isVfioBound(device);
    if (wanted && (isVfioBound(device) || device.driver === undefined)) return pass(override);
    return wanted
      ? warn(`${override}, and yet ${device.driver} has it: the binding was left half done`, bindCommand(device, roots))
      : warn(`${override}: no other driver may take it`, bindCommand(device, roots));
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
    const container = awaitedContainer(device, roots);
    if (container !== undefined) return skip(`it goes with its container ${container.name}`);
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
