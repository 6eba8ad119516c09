import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BusDevice } from './bus-device.js';
import type { Roots } from './roots.js';
import { attribute, entries, exists, linkTarget } from './sysfs.js';

/** Why there is no IOMMU, or none for a device, and what to try. */
export interface Absence {
  readonly why: string;
  readonly hint: string;
}

/** Whether some IOMMU of this machine translates for some device. Groups that VFIO makes up are no sign of one. */
function iommuAtWork(roots: Roots): boolean {
  if (entries(join(roots.sys, 'class/iommu')).length > 0) return true;
  const groups = join(roots.sys, 'kernel/iommu_groups');
  return entries(groups).some((number) => attribute(join(groups, number, 'name')) !== 'vfio-noiommu');
}

/** Whether VFIO takes devices without an IOMMU: undefined where it is not loaded, or was built without that. */
export function noIommuMode(roots: Roots): boolean | undefined {
  const mode = attribute(join(roots.sys, 'module/vfio/parameters/enable_unsafe_noiommu_mode'));
  return mode === undefined ? undefined : mode === 'Y' || mode === '1';
}

/** What the firmware says of an IOMMU in ACPI tables. Source: ACPI specification, DESC_HEADER signatures. */
const tables = ['DMAR', 'IVRS', 'IORT', 'VIOT', 'RIMT'] as const;

export function iommuTables(roots: Roots): string[] {
  return tables.filter((name) => exists(join(roots.sys, 'firmware/acpi/tables', name)));
}

/** What the kernel was told about IOMMUs when it was started: 'intel_iommu=off iommu=pt'. */
export function iommuWords(roots: Roots): string[] {
  const words = (attribute(join(roots.proc, 'cmdline')) ?? '').split(/\s+/);
  return words.filter((word) =>
    /^(intel_iommu|amd_iommu|iommu|iommu\.\w+|arm-smmu[.\w-]*|intremap)=|^nointremap$/.test(word),
  );
}

/** No IOMMU at all; undefined where there is one. */
export function noIommu(roots: Roots): Absence | undefined {
  if (iommuAtWork(roots)) return undefined;
  const said = iommuWords(roots);
  const why = `no IOMMU is at work: /sys/kernel/iommu_groups is empty${said.length > 0 ? ` (kernel command line: ${said.join(' ')})` : ''}`;
  return { why, hint: withoutIommu(howToGetOne(roots, said), roots) };
}

/** `hint`, with the way to do without an IOMMU where VFIO may have it. */
function withoutIommu(hint: string, roots: Roots): string {
  const vfio = exists(join(roots.sys, 'module/vfio/parameters'));
  if (vfio && noIommuMode(roots) === undefined) return hint;
  return `${hint}; or, with DMA unchecked, 1 in /sys/module/vfio/parameters/enable_unsafe_noiommu_mode before binding`;
}

function howToGetOne(roots: Roots, said: readonly string[]): string {
  const cpu = attribute(join(roots.proc, 'cpuinfo')) ?? '';
  const found = iommuTables(roots);
  const intel = cpu.includes('GenuineIntel');
  const heeded = intel ? /^(intel_)?iommu=(.*,)?off\b/ : /^(amd_)?iommu=(.*,)?off\b/;
  const off = said.find((word) => heeded.test(word));
  if (off !== undefined) return `start Linux ${intel ? 'with intel_iommu=on and ' : ''}without ${off}`;
  if (found.length === 0 && isGuest(cpu, roots)) {
    const qemu = /implementer/.test(cpu)
      ? '-machine virt,iommu=smmuv3'
      : '-machine q35,kernel-irqchip=split -device intel-iommu,intremap=on';
    return `this is a virtual machine, and its hypervisor gave it no IOMMU: QEMU does with ${qemu}`;
  }
  if (intel) {
    if (!found.includes('DMAR')) return 'switch VT-d on in the firmware and start Linux with intel_iommu=on';
    return said.includes('intel_iommu=on')
      ? 'dmesg | grep -i -e dmar -e iommu tells why VT-d, which the firmware describes, was not used'
      : 'start Linux with intel_iommu=on: the firmware describes VT-d (DMAR)';
  }
  if (/AuthenticAMD|HygonGenuine/.test(cpu)) {
    return found.includes('IVRS')
      ? 'dmesg | grep AMD-Vi tells why the IOMMU, which the firmware describes (IVRS), was not used'
      : 'switch AMD-Vi (IOMMU) on in the firmware';
  }
  const [idle] = idleUnits(roots);
  if (idle !== undefined) return driverNeeded(idle);
  return 'the device tree or ACPI must describe the IOMMU, and Linux must have its driver';
}

function isGuest(cpu: string, roots: Roots): boolean {
  const vendor = attribute(join(roots.sys, 'class/dmi/id/sys_vendor')) ?? '';
  return /^flags\s*:.*\bhypervisor\b/m.test(cpu) || /QEMU|VMware|Xen|innotek|Amazon EC2/.test(vendor);
}

/** An IOMMU that the device tree describes and no driver has. */
interface IdleUnit {
  readonly name: string;
  readonly compatible: string;
}

function idleUnits(roots: Roots): IdleUnit[] {
  const folder = join(roots.sys, 'bus/platform/devices');
  return entries(folder)
    .filter((name) => exists(join(folder, name, 'of_node/#iommu-cells')))
    .filter((name) => linkTarget(join(folder, name, 'driver')) === undefined)
    .map((name) => ({
      name,
      compatible: (attribute(join(folder, name, 'of_node/compatible')) ?? '').split('\0')[0] ?? '',
    }));
}

function driverNeeded({ name, compatible }: IdleUnit): string {
  return `the IOMMU ${name} (${compatible}) has no driver: Linux needs the one for it, built in or loaded before the device's own`;
}

/** Whether the device tree says through which IOMMU a device goes: the device's `iommus`, or its PCI host's `iommu-map`. */
export function namesIommu(device: BusDevice): boolean {
  if (exists(join(device.path, 'of_node/iommus'))) return true;
  return device.bus !== 'platform' && device.bus !== 'amba' && hostNode(device, 'iommu-map') !== undefined;
}

/** The nearest device-tree node above a device (its PCI host's, say) that has `property`. */
export function hostNode(device: BusDevice, property: string): string | undefined {
  let folder: string;
  try {
    folder = realpathSync(device.path);
  } catch {
    return undefined;
  }
  for (; folder.length > 1; folder = dirname(folder)) {
    const node = join(folder, 'of_node');
    if (exists(join(node, property))) return node;
  }
  return undefined;
}

/**
 * The device has no IOMMU group: there is no IOMMU at all, or none that this device goes through. On a machine described by a device
 * tree a device gets its group only when a driver first probes it, so that an unbound one may lack it for no more than that: undefined then.
 */
export function noGroup(device: BusDevice, roots: Roots, none = noIommu(roots)): Absence | undefined {
  if (device.iommuGroup !== undefined || noIommuMode(roots) === true) return undefined;
  if (none !== undefined) return none;
  const named = namesIommu(device);
  if (named && device.driver === undefined) return undefined;
  const why = 'it belongs to no IOMMU group: no IOMMU translates what this device sends';
  if (named) {
    const [idle] = idleUnits(roots);
    return {
      why,
      hint: idle === undefined ? 'dmesg | grep -i iommu tells why its IOMMU did not take it' : driverNeeded(idle),
    };
  }
  if (exists(join(device.path, 'of_node'))) {
    return { why, hint: 'its device-tree node needs an `iommus` property that names the IOMMU and a stream id' };
  }
  if (hostNode(device, 'reg') !== undefined) {
    return { why, hint: 'the device-tree node of its PCI host needs an `iommu-map` property' };
  }
  return {
    why,
    hint: 'VFIO can have such a device only with DMA unchecked: 1 in /sys/module/vfio/parameters/enable_unsafe_noiommu_mode before binding',
  };
}
