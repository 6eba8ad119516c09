import { join } from 'node:path';
import { liveTree } from '../devicetree/folder.js';
import { isCompatible } from '../devicetree/node.js';
import type { Meaning } from '../errors.js';
import type { BusDevice } from './bus-device.js';
import { hostNode } from './iommu-absence.js';
import type { Roots } from './roots.js';
import { attribute, cellsAt } from './sysfs.js';

/** The modules whose parameter lets a device in whose interrupts are not isolated: by group, and by iommufd. */
export const isolationModules = { group: 'vfio_iommu_type1', cdev: 'iommufd' } as const;

export type IsolationModule = (typeof isolationModules)[keyof typeof isolationModules];

/** Whether `module` takes devices whose interrupts are not isolated; undefined where it is not loaded. */
export function allowsUnsafe(module: IsolationModule, roots: Roots): boolean | undefined {
  const allowed = attribute(join(roots.sys, 'module', module, 'parameters/allow_unsafe_interrupts'));
  return allowed === undefined ? undefined : allowed === 'Y' || allowed === '1';
}

/** EPERM of SET_IOMMU and BIND_IOMMUFD: the interrupts of a device are not isolated. `module` is whose parameter decides. */
export function unsafeInterrupts(module: IsolationModule, roots: Roots): Meaning {
  if (allowsUnsafe(module, roots) === true) {
    return { kind: 'permission', why: `the kernel refuses it, though ${module}.allow_unsafe_interrupts is on` };
  }
  return {
    kind: 'permission',
    why:
      'the IOMMU cannot isolate the interrupts of this device (no interrupt remapping), so that its DMA could raise ' +
      'any interrupt, and VFIO allows that only when told to',
    hint:
      `if you trust the device, as root: echo 1 > /sys/module/${module}/parameters/allow_unsafe_interrupts ` +
      `(or ${module}.allow_unsafe_interrupts=1 on the kernel command line)`,
  };
}

/** Whether a device can raise no interrupt but its own, as far as can be told without asking the kernel for it. */
export interface Isolation {
  /** Undefined where there is no telling. */
  readonly isolated: boolean | undefined;
  /** What that was seen by. */
  readonly seen: string;
}

/**
 * x86 remaps interrupts for all devices or for none, and /proc/interrupts shows it by the names of the interrupt controllers. On a machine described by
 * a device tree a device is isolated if its MSIs go to a GICv3 ITS (its own `msi-parent`, or `msi-map` and `msi-parent` of its PCI host): one that
 * has no MSI at all is not. Source: drivers/iommu/iommu.c, iommu_group_has_isolated_msi; IRQ_DOMAIN_FLAG_ISOLATED_MSI.
 */
export function isolationOf(device: BusDevice | undefined, roots: Roots): Isolation {
  const cpu = attribute(join(roots.proc, 'cpuinfo')) ?? '';
  if (/^vendor_id/m.test(cpu)) return remapping(roots);
  const tree = liveTree(roots);
  if (device === undefined || tree === undefined) return { isolated: undefined, seen: 'it depends on the device' };
  const controllers: number[] = [];
  for (const property of ['msi-parent', 'msi-map'] as const) {
    const ownNode = device.bus === 'platform' || device.bus === 'amba';
    const node = ownNode ? join(device.path, 'of_node') : hostNode(device, property);
    const cells = node === undefined ? [] : cellsAt(join(node, property));
    if (cells.length > 0) controllers.push(cells[property === 'msi-parent' ? 0 : 1] ?? 0);
  }
  if (controllers.length === 0) return { isolated: false, seen: 'its device-tree node names no MSI controller' };
  const nodes = controllers.map((phandle) => tree.byPhandle(phandle));
  const isolated = nodes.every((node) => node !== undefined && isCompatible(node, 'arm,gic-v3-its'));
  const names = nodes.map((node) => node?.path ?? 'a node that is not there').join(' and ');
  return { isolated, seen: `its MSIs go to ${names}${isolated ? ', a GICv3 ITS' : ', which is no GICv3 ITS'}` };
}

function remapping(roots: Roots): Isolation {
  const lines = (attribute(join(roots.proc, 'interrupts')) ?? '').split('\n');
  const controllers = lines.flatMap((line) => /\b(?:IR-)?(?:IO-APIC|PCI-MSIX?)\b/.exec(line)?.[0] ?? []);
  if (controllers.length === 0) return { isolated: undefined, seen: '/proc/interrupts shows no interrupt of a device' };
  const remapped = controllers.find((name) => name.startsWith('IR-'));
  return remapped === undefined
    ? { isolated: false, seen: 'no controller in /proc/interrupts is remapped (IR-)' }
    : { isolated: true, seen: `/proc/interrupts shows ${remapped}` };
}
