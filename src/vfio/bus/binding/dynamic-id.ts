import { VfioError } from '../../errors.js';
import { allDevices, describeDevice, type BusDevice, type PciIds } from '../bus-device.js';
import type { Roots } from '../roots.js';
import type { BindingState } from './binding-state.js';
import { bindStep, driverFile, overrideStep, removeIdStep, type Step, stepCommand, unbindStep } from './step.js';

export interface DynamicIdPlan {
  readonly steps: readonly Step[];
  readonly removeId: Step;
  /** Devices that the driver takes as well, since they have the same ids and no driver; they are taken from it again. */
  readonly bystanders: readonly BusDevice[];
}

/**
 * Binding by new_id: the driver learns the device's ids, takes every device without a driver that has them, and forgets them again. A driver that knows them
 * already answers EEXIST and takes nothing by itself; its id is somebody else's and stays. Source: drivers/pci/pci-driver.c, new_id_store.
 */
export function dynamicIdPlan(device: BusDevice, before: BindingState, driver: string, roots: Roots): DynamicIdPlan {
  const { ids } = device;
  if (ids === undefined) {
    throw new VfioError({
      kind: 'unsupported',
      operation: 'bind',
      device: device.name,
      why: `new_id is for PCI devices, and this one is on the ${device.bus} bus`,
      hint: 'leave --method new_id out',
    });
  }
  const bystanders = allDevices(roots)
    .filter(({ bus, name }) => bus === 'pci' && name !== device.name)
    .map(({ bus, name }) => describeDevice(bus, name, roots))
    .filter((other) => other.driver === undefined && sameIds(other.ids, ids))
    .filter(({ driverOverride }) => driverOverride === undefined || driverOverride === driver);
  const file = (name: string): string => driverFile('pci', driver, name, roots);
  const bytes = `${[ids.vendor, ids.device, ids.subsystemVendor, ids.subsystemDevice].map(hex).join(' ')}\n`;
  const removeId: Step = { ...removeIdStep(device, { file: file('remove_id'), bytes }), when: 'added' };
  const newId: Step = {
    device,
    action: 'new_id',
    file: file('new_id'),
    bytes,
    why: `${driver} takes every device without a driver that has these ids`,
    expect: { driver },
    undo: stepCommand(removeId),
  };
  const foreign = before.override !== null && before.override !== driver;
  return {
    steps: [
      ...(foreign ? [overrideStep(device, before.override, null, roots)] : []),
      ...(before.driver === null ? [] : [unbindStep(device, before.driver, roots)]),
      newId,
      { ...bindStep(device, driver, roots), when: 'known' },
      removeId,
      ...bystanders.map((other): Step => ({
        ...unbindStep(other, driver, roots),
        why: `${driver} took it by new_id, and it was not asked for`,
        when: 'taken',
      })),
    ],
    removeId,
    bystanders,
  };
}

function sameIds(a: PciIds | undefined, b: PciIds): boolean {
  return (
    a !== undefined &&
    a.vendor === b.vendor &&
    a.device === b.device &&
    a.subsystemVendor === b.subsystemVendor &&
    a.subsystemDevice === b.subsystemDevice
  );
}

function hex(id: number): string {
  return id.toString(16).padStart(4, '0');
}
