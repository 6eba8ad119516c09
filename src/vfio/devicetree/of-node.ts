import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { BusDevice } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import { attribute, exists } from '../bus/sysfs.js';
import type { DtNode } from './node.js';
import type { DeviceTree } from './tree.js';

/** The node that the kernel made a device of, or the one of the host bridge or bus that it is behind. */
export interface DeviceNode {
  readonly node: DtNode;
  /** The device above whose node it is, where the device has none of its own: 'pci0000:00', '40000000.pcie'. */
  readonly of?: string;
}

/** The node of a device in the running kernel's tree, by the link `of_node` in sysfs. Undefined where neither it nor what is above it has one. */
export function nodeOfDevice(tree: DeviceTree, device: BusDevice, roots: Roots): DeviceNode | undefined {
  const base = real(join(roots.sys, 'firmware/devicetree/base'));
  const own = real(device.path);
  if (base === undefined || own === undefined) return undefined;
  for (let folder = own; folder !== dirname(folder); folder = dirname(folder)) {
    const target = real(join(folder, 'of_node'));
    if (target === undefined) continue;
    const path = relative(base, target);
    const node = path.startsWith('..') ? undefined : tree.find(`/${path}`);
    if (node === undefined) return undefined;
    return folder === own ? { node } : { node, of: basename(folder) };
  }
  return undefined;
}

/** What sysfs tells of a device that ACPI describes. */
export interface AcpiFacts {
  /** '\_SB_.PCI0.RTC_' */
  readonly path?: string;
  /** '_HID', '_UID' and the value of '_STA'. */
  readonly hid?: string;
  readonly uid?: string;
  readonly status?: number;
}

/** What ACPI says of a device; undefined where it says nothing. */
export function acpiOf(device: BusDevice): AcpiFacts | undefined {
  const folder = join(device.path, 'firmware_node');
  if (!exists(join(folder, 'path')) && !exists(join(folder, 'hid'))) return undefined;
  const path = attribute(join(folder, 'path'));
  const hid = attribute(join(folder, 'hid'));
  const uid = attribute(join(folder, 'uid'));
  const status = Number(attribute(join(folder, 'status')) ?? Number.NaN);
  return {
    ...(path !== undefined && { path }),
    ...(hid !== undefined && { hid }),
    ...(uid !== undefined && { uid }),
    ...(!Number.isNaN(status) && { status }),
  };
}

function real(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
