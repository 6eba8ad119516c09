import { join } from 'node:path';
import {
  type Absence,
  iommuTables,
  iommuWords,
  noGroup,
  noIommu,
  noIommuMode,
  namesIommu,
} from '../bus/iommu-absence.js';
import { type BusDevice, isVfioBound } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import {
  allowsUnsafe,
  type IsolationModule,
  isolationModules,
  isolationOf,
  unsafeInterrupts,
} from '../bus/isolation.js';
import { entries, exists } from '../bus/sysfs.js';
import { iommufdNode, preferredWay } from '../bus/way-in.js';
import { liveTree } from '../devicetree/folder.js';
import { nodeOfDevice } from '../devicetree/of-node.js';
import { iommuLink } from '../devicetree/warning.js';
import { type Check, deviceCheck, fail, type Finding, pass, type Scene, skip, warn } from './check.js';

/** Whether an IOMMU is at work. */
export const iommuCheck: Check = {
  name: 'IOMMU',
  about: 'machine',
  looksAt: ({ roots }) => [
    join(roots.sys, 'class/iommu'),
    join(roots.sys, 'kernel/iommu_groups'),
    join(roots.sys, 'firmware/acpi/tables'),
    join(roots.proc, 'cmdline'),
  ],
  examine({ roots }) {
    const none = noIommu(roots);
    const said = iommuWords(roots);
    if (none === undefined) {
      const units = entries(join(roots.sys, 'class/iommu'));
      const groups = entries(join(roots.sys, 'kernel/iommu_groups')).length;
      const parts = [units.slice(0, 4).join(' ') || 'an IOMMU', `${groups} ${groups === 1 ? 'group' : 'groups'}`];
      if (units.length > 4) parts.splice(1, 0, `and ${units.length - 4} more`);
      const tables = iommuTables(roots);
      if (tables.length > 0) parts.push(`ACPI ${tables.join(' ')}`);
      return pass([...parts, ...said].join(', '));
    }
    return noIommuMode(roots) === true ? warn(`${none.why}; VFIO takes devices without one`, none.hint) : fail(none);
  },
};

/** Whether the device is in a group. */
export const groupCheck: Check = deviceCheck({
  name: 'IOMMU group',
  looksAt: ({ path }) => [join(path, 'iommu_group'), join(path, 'of_node/iommus')],
  examine(device, { roots }) {
    if (device.noIommu)
      return warn(
        `${device.iommuGroup}: made up by VFIO, without an IOMMU: DMA of this device is unchecked and reaches all of memory`,
      );
    if (device.iommuGroup !== undefined) return pass([device.iommuGroup, device.groupType ?? ''].join(' ').trimEnd());
    const none = noIommu(roots);
    const absence = noGroup(device, roots, none);
    if (absence !== undefined)
      return none === undefined ? fail(closer(absence, device, roots)) : skip('there is no IOMMU');
    return noIommuMode(roots) === true && !namesIommu(device)
      ? warn('it has none, and VFIO will make one up: DMA of this device will be unchecked')
      : pass('it has none yet, and gets one when a driver first probes it');
  },
});

/** What the device tree says of it, where it says why no IOMMU translates for the device. */
function closer(absence: Absence, device: BusDevice, roots: Roots): Absence {
  const tree = liveTree(roots);
  const found = tree === undefined ? undefined : nodeOfDevice(tree, device, roots);
  const link = tree === undefined || found === undefined ? undefined : iommuLink(tree, found.node);
  return link?.kind === 'none' ? { why: `it belongs to no IOMMU group: ${link.why}`, hint: link.hint } : absence;
}

/** Whether interrupts are remapped, where no device is given. */
export const machineInterrupts: Check = {
  name: 'interrupts',
  about: 'machine',
  looksAt: ({ roots }) => [join(roots.proc, 'interrupts'), ...parameterFiles({ roots })],
  examine(scene) {
    const { roots } = scene;
    return noIommu(roots) === undefined
      ? isolationFinding(scene, isolationModules[machineWay(roots)])
      : skip('there is no IOMMU');
  },
};

/** Whether the device could raise interrupts that are not its own, and whether VFIO takes it then. */
export const deviceInterrupts = deviceCheck({
  name: 'interrupts',
  looksAt: ({ path }, { roots }) => [
    join(roots.proc, 'interrupts'),
    join(path, 'of_node/msi-parent'),
    ...parameterFiles({ roots }),
  ],
  examine(device, scene) {
    if (device.noIommu) return skip('without an IOMMU nobody asks');
    if (noGroup(device, scene.roots) !== undefined) return skip('there is no IOMMU for it');
    // A device that VFIO does not have yet will be opened by iommufd, where there is one.
    const bound = isVfioBound(device);
    const way = bound ? preferredWay(device, scene.roots) : machineWay(scene.roots);
    return isolationFinding(scene, isolationModules[way]);
  },
});

function machineWay(roots: Roots): 'group' | 'cdev' {
  return exists(iommufdNode(roots).path) ? 'cdev' : 'group';
}

function parameterFiles({ roots }: Pick<Scene, 'roots'>): string[] {
  return Object.values(isolationModules).map((module) =>
    join(roots.sys, 'module', module, 'parameters/allow_unsafe_interrupts'),
  );
}

function isolationFinding({ roots, device }: Scene, module: IsolationModule): Finding {
  const { isolated, seen } = isolationOf(device, roots);
  if (isolated === true) return pass(`isolated: ${seen}`);
  const refusal = unsafeInterrupts(module, roots);
  const allowed = allowsUnsafe(module, roots) === true;
  if (isolated === undefined) {
    return allowed
      ? pass(`${module}.allow_unsafe_interrupts is on`)
      : skip(`no telling whether they are isolated: ${seen}`);
  }
  if (allowed)
    return warn(
      `not isolated (${seen}): its DMA could raise any interrupt; ${module}.allow_unsafe_interrupts lets it in` +
        byGroup(module, 'off', roots),
    );
  return fail({ ...refusal, why: `${refusal.why} (${seen})${byGroup(module, 'off as well', roots)}` });
}

/** The group's way in has a parameter of its own, which matters to whoever chooses that way. */
function byGroup(module: IsolationModule, off: string, roots: Roots): string {
  const other = isolationModules.group;
  return module !== other && allowsUnsafe(other, roots) === false
    ? `; for --via group: ${other}.allow_unsafe_interrupts is ${off}`
    : '';
}

/** Whether VFIO was told to take devices without an IOMMU. */
export const noIommuCheck: Check = {
  name: 'no-IOMMU mode',
  about: 'machine',
  looksAt: ({ roots }) => [join(roots.sys, 'module/vfio/parameters/enable_unsafe_noiommu_mode')],
  examine({ roots }) {
    const mode = noIommuMode(roots);
    if (mode === undefined) {
      return skip(exists(join(roots.sys, 'module/vfio')) ? 'this VFIO was built without it' : 'VFIO is not loaded');
    }
    return mode
      ? warn(
          'on: devices without an IOMMU can be opened, DMA unchecked, and the kernel is tainted',
          'echo 0 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode where that is not wanted',
        )
      : skip('off');
  },
};
