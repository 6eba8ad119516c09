import { cpus, machine, release, version } from 'node:os';
import { join } from 'node:path';
import type { Roots } from '../../vfio/bus/roots.js';
import { attribute } from '../../vfio/bus/sysfs.js';
import type { View } from '../../views/view.js';
import { packageVersion } from '../version.js';

/** Parameters of the kernel whose values say how devices are reached. Of others the values may be secrets, or names of disks and hosts. */
const telling =
  /^(intel_iommu|amd_iommu|iommu(\..+)?|arm[-_]smmu.*|intremap|vfio.*|pci|pci[e_].*|acpi|kvm.*|hugepages|hugepagesz|default_hugepagesz|swiotlb|cma|mem|memmap|isolcpus|nohz_full|irqaffinity|lockdown|modprobe\.blacklist|module_blacklist|initcall_blacklist|rd\.driver\..+|fw_devlink.*|dyndbg|mitigations)$/;

/** The kernel's command line, with values only of what concerns devices: 'intel_iommu=on root=... quiet'. */
export function kernelWords(commandLine: string): string {
  const words: readonly string[] = commandLine.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  // What stands behind -- is for init, and the kernel does not look at it.
  const end = words.indexOf('--');
  return words
    .slice(0, end < 0 ? words.length : end)
    .map((word) => {
      const [name = '', value] = word.split(/=(.*)/s);
      return value === undefined || telling.test(name.replaceAll('"', '')) ? word : `${name}=...`;
    })
    .join(' ');
}

/** What runs here, without the name of this host. */
export function machineView(roots: Roots): View {
  const system = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(attribute(join(roots.etc, 'os-release')) ?? '')?.[1];
  const processors = cpus();
  const fields = [
    ['vfiodbg', packageVersion()],
    ['node', `${process.version} (${process.arch}, libuv ${process.versions.uv ?? ''})`],
    ['kernel', `${attribute(join(roots.proc, 'sys/kernel/osrelease')) ?? release()} ${machine()}, ${version()}`],
    ['command line', kernelWords(attribute(join(roots.proc, 'cmdline')) ?? '')],
    ...(system === undefined ? [] : [['system', system] as const]),
    ['processor', `${processors.length} x ${processors[0]?.model.trim() ?? 'unknown'}`],
  ] as const;
  return {
    kind: 'fields',
    fields: fields.map(([label, value]) => ({ label, value })),
    data: Object.fromEntries(fields),
  };
}
