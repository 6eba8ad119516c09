import { join } from 'node:path';
import { findDevice } from '../bus/bus-device.js';
import { systemRoots, type Roots } from '../bus/roots.js';
import { attribute } from '../bus/sysfs.js';
import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import type { DeviceIdentity } from './identity.js';

/** What sysfs says of a device of the kernel's. */
export function kernelIdentity(device: Device, roots: Roots = systemRoots): DeviceIdentity {
  const { name } = device;
  const identity = { bus: device.info.bus, name };
  try {
    const { bus, ids, compatible, path } = findDevice(name, roots);
    // Eight digits without a prefix; 0 while the kernel has not read it. Source: drivers/amba/bus.c.
    const id = bus === 'amba' ? (attribute(join(path, 'id')) ?? '') : '';
    const amba = /^[0-9a-f]{1,8}$/i.test(id) ? Number.parseInt(id, 16) : 0;
    return {
      ...identity,
      compatible,
      ...(ids !== undefined && { pci: ids }),
      ...(amba !== 0 && { amba }),
    };
  } catch (error) {
    // Gone from sysfs between being opened and now.
    if (error instanceof VfioError && error.kind === 'absent') return { ...identity, compatible: [] };
    throw error;
  }
}
