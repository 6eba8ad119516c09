import { join } from 'node:path';
import type { BusDevice } from './bus-device.js';
import type { Absence } from './iommu-absence.js';
import { aliasKnown, moduleState } from './kernel-modules.js';
import type { Roots } from './roots.js';
import { attribute, exists } from './sysfs.js';

/** Whether vfio-platform takes only devices that it can reset, as it does unless told otherwise; undefined where it is not loaded. */
export function resetRequired(roots: Roots): boolean | undefined {
  const required = attribute(join(roots.sys, 'module/vfio_platform/parameters/reset_required'));
  return required === undefined ? undefined : required === 'Y' || required === '1';
}

/** The module that would reset a platform device: the kernel goes by the first of its `compatible` alone. */
export function resetModule(device: BusDevice): string | undefined {
  const [compatible] = device.compatible;
  return compatible === undefined ? undefined : `vfio-reset:${compatible}`;
}

/**
 * vfio-platform will refuse the device since it has no function to reset it; undefined where it will not, or where that depends on an ACPI method
 * that nothing shows. Source: drivers/vfio/platform/vfio_platform_common.c, vfio_platform_get_reset.
 */
export function noResetFunction(device: BusDevice, roots: Roots): Absence | undefined {
  if (device.bus !== 'platform' || resetRequired(roots) === false) return undefined;
  const module = resetModule(device);
  if (module === undefined ? exists(join(device.path, 'firmware_node')) : aliasKnown(module, roots)) return undefined;
  const lacking = module === undefined ? 'its node has no `compatible`' : `no module here is ${module}`;
  return {
    why: `vfio-platform refuses a device that it cannot reset, and ${lacking}`,
    hint: `if it may go unreset: ${withoutReset(roots)}`,
  };
}

/** How vfio-platform is told to do without: the parameter cannot be changed while the module is there. */
function withoutReset(roots: Roots): string {
  const state = moduleState('vfio_platform', roots);
  if (state === 'built in') return 'start Linux with vfio_platform.reset_required=0';
  const load = 'modprobe vfio_platform reset_required=0';
  return `${state === 'loaded' ? `modprobe -r vfio_platform; ${load}` : load} (or vfio_platform.reset_required=0 on the kernel command line)`;
}
