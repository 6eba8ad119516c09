import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type BusDevice, busNames, type BusName, vfioDrivers } from '../bus/bus-device.js';
import { kernelRelease, moduleState, underscored } from '../bus/kernel-modules.js';
import type { Roots } from '../bus/roots.js';
import { bytesAt, exists } from '../bus/sysfs.js';
import { type Check, fail, pass, type Scene, skip, warn } from './check.js';

/** The options of the kernel that the tool needs or uses, in the order in which they are shown. */
const options = [
  'VFIO',
  'VFIO_GROUP',
  'VFIO_CONTAINER',
  'VFIO_DEVICE_CDEV',
  'IOMMUFD',
  'VFIO_NOIOMMU',
  'VFIO_PCI',
  'VFIO_PLATFORM',
  'VFIO_AMBA',
  'VFIO_FSL_MC',
  'VFIO_CDX',
  'INTEL_IOMMU',
  'AMD_IOMMU',
  'IRQ_REMAP',
  'ARM_SMMU',
  'ARM_SMMU_V3',
  'RISCV_IOMMU',
  'VIRTIO_IOMMU',
] as const;

type Option = (typeof options)[number];

/** Of each option whether it is built in ('y'), a module ('m') or off ('n'); what the configuration does not name is left out. */
export type KernelConfig = ReadonlyMap<Option, 'y' | 'm' | 'n'>;

/** The option that brings the VFIO driver of each bus. */
export const driverOptions: Readonly<Record<BusName, Option>> = {
  pci: 'VFIO_PCI',
  platform: 'VFIO_PLATFORM',
  amba: 'VFIO_AMBA',
  'fsl-mc': 'VFIO_FSL_MC',
  cdx: 'VFIO_CDX',
};

function configFiles(roots: Roots): string[] {
  const release = kernelRelease(roots);
  return [
    join(roots.proc, 'config.gz'),
    join(roots.boot, `config-${release}`),
    join(roots.modules, release, 'config'),
    join(roots.modules, release, 'build/.config'),
  ];
}

/** What the running kernel was built with, as far as it concerns VFIO; undefined where that is nowhere to be read. */
export function kernelConfig(roots: Roots): { readonly file: string; readonly config: KernelConfig } | undefined {
  const file = configFiles(roots).find(exists);
  const text = file === undefined ? '' : configText(file);
  if (file === undefined || text === '') return undefined;
  const config = new Map<Option, 'y' | 'm' | 'n'>();
  for (const option of options) {
    const [, off, value] =
      new RegExp(`^(?:(# )CONFIG_${option} is not set|CONFIG_${option}=([ym]))$`, 'm').exec(text) ?? [];
    if (off !== undefined) config.set(option, 'n');
    else if (value === 'y' || value === 'm') config.set(option, value);
  }
  return { file, config };
}

function configText(file: string): string {
  const bytes = bytesAt(file);
  if (!file.endsWith('.gz')) return bytes.toString('latin1');
  try {
    return gunzipSync(bytes, { maxOutputLength: 2 ** 24 }).toString('latin1');
  } catch {
    return '';
  }
}

/** 'VFIO=m VFIO_PCI=m IOMMUFD=y; off: VFIO_NOIOMMU'. */
export function configLine(config: KernelConfig): string {
  const on = [...config].filter(([, value]) => value !== 'n').map(([option, value]) => `${option}=${value}`);
  const off = [...config].filter(([, value]) => value === 'n').map(([option]) => option);
  return [on.join(' '), off.length === 0 ? '' : `off: ${off.join(' ')}`].filter((part) => part !== '').join('; ');
}

function has(config: KernelConfig, option: Option): boolean {
  return config.get(option) === 'y' || config.get(option) === 'm';
}

/** What this kernel cannot do without: the options, of which one each has to be on. */
function lacking(config: KernelConfig, { device }: Scene): readonly Option[] {
  if (!has(config, 'VFIO')) return ['VFIO'];
  const drivers = device === undefined ? Object.values(driverOptions) : [driverOptions[device.bus]];
  if (!drivers.some((option) => has(config, option))) return device === undefined ? ['VFIO_PCI'] : drivers;
  // Before 6.6 there were neither of these options, and groups always.
  const byGroup = config.get('VFIO_GROUP') !== 'n' && config.get('VFIO_CONTAINER') !== 'n';
  if (!byGroup && !(has(config, 'VFIO_DEVICE_CDEV') && has(config, 'IOMMUFD'))) return ['VFIO_DEVICE_CDEV', 'IOMMUFD'];
  return [];
}

/** What the kernel was built with. */
export const kernelCheck: Check = {
  name: 'kernel',
  about: 'machine',
  looksAt: ({ roots }) => configFiles(roots),
  examine(scene) {
    const { roots } = scene;
    const release = kernelRelease(roots);
    const known = kernelConfig(roots);
    if (known === undefined) return skip(`what Linux ${release} was built with is nowhere to be read`);
    const missing = lacking(known.config, scene);
    if (missing.length === 0) return pass(`Linux ${release}: ${configLine(known.config)}`);
    return fail({
      why: `Linux ${release} was built without ${missing.map((option) => `CONFIG_${option}`).join(' and ')}`,
      hint: `start a kernel that has ${missing.map((option) => `CONFIG_${option}=m`).join(' ')} (those of the distributions have)`,
    });
  },
};

/** Whether the VFIO driver of `bus` is there. */
export function driverThere(bus: BusName, roots: Roots): boolean {
  if (exists(join(roots.sys, 'bus', bus, 'drivers', vfioDrivers[bus]))) return true;
  const state = moduleState(vfioDrivers[bus], roots);
  return state === 'loaded' || state === 'built in';
}

/** Whether the VFIO driver of the device's bus is there or can be loaded; without a device, that of any bus. */
export const modulesCheck: Check = {
  name: 'VFIO driver',
  about: 'machine',
  looksAt: ({ roots, device }) => [
    ...busesOf(device).map((bus) => join(roots.sys, 'bus', bus, 'drivers', vfioDrivers[bus])),
    join(roots.modules, kernelRelease(roots)),
  ],
  examine({ roots, device }) {
    const buses = busesOf(device);
    const there = buses.filter((bus) => driverThere(bus, roots));
    if (there.length > 0) return pass(there.map((bus) => vfioDrivers[bus]).join(' '));
    const loadable = buses.filter((bus) => moduleState(vfioDrivers[bus], roots) === 'available');
    const [first] = loadable;
    if (first !== undefined) {
      const names = loadable.map((bus) => vfioDrivers[bus]).join(', ');
      return warn(
        `${names} can be loaded, and ${loadable.length === 1 ? 'is' : 'are'} not`,
        `modprobe ${vfioDrivers[first]}`,
      );
    }
    const config = kernelConfig(roots)?.config;
    if (config !== undefined && !buses.some((bus) => has(config, driverOptions[bus])))
      return skip('the kernel was built without');
    const release = kernelRelease(roots);
    const driver = vfioDrivers[device?.bus ?? 'pci'];
    if (moduleState(driver, roots) === 'absent') {
      return fail({
        why: `Linux ${release} has no module ${underscored(driver)}, and it is not built in`,
        hint: `start a kernel that has CONFIG_${driverOptions[device?.bus ?? 'pci']}=m`,
      });
    }
    return fail({
      why: `${driver} is not there, and neither is ${join(roots.modules, release)}, where its module would be`,
      hint: `in a container: modprobe ${driver} on the host; else install the modules of this kernel`,
    });
  },
};

function busesOf(device: BusDevice | undefined): readonly BusName[] {
  return device === undefined ? busNames : [device.bus];
}
