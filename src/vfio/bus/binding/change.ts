import type { BusDevice } from '../bus-device.js';
import type { Roots } from '../roots.js';
import { type BindingState, bootId, sameBinding } from './binding-state.js';
import { type BindingRecord, currentRecord } from './record.js';
import type { Change } from './unfinished.js';

/** How `device` is bound now. */
export function stateOf({ driver, driverOverride }: BusDevice): BindingState {
  return { driver: driver ?? null, override: driverOverride ?? null };
}

/** A binding of `device`: its record keeps how it was before the first of those that it has not been released from. */
export function bindingChange(device: BusDevice, after: BindingState, folder: string, roots: Roots): Change {
  const before = stateOf(device);
  const record = currentRecord(folder, device, roots);
  const origin = record !== undefined && sameBinding(record.bound, before) ? record.origin : before;
  const { bus, name, modalias = '' } = device;
  const recordAfter: BindingRecord = {
    format: 'vfiodbg-binding',
    version: 1,
    boot: bootId(roots),
    device: { bus, name },
    modalias,
    origin,
    bound: after,
  };
  return {
    device: { bus, name },
    modalias,
    before,
    after,
    recordBefore: record ?? null,
    recordAfter: sameBinding(origin, after) ? null : recordAfter,
  };
}

/** A release: there is nothing to be kept of it. */
export function releaseChange(device: BusDevice, after: Change['after'], folder: string, roots: Roots): Change {
  const { bus, name, modalias = '' } = device;
  const recordBefore = currentRecord(folder, device, roots) ?? null;
  return { device: { bus, name }, modalias, before: stateOf(device), after, recordBefore, recordAfter: null };
}
