import { join } from 'node:path';
import type { Roots } from './roots.js';
import { attribute, exists } from './sysfs.js';

/** 'loaded' and 'built in' are at work; 'available' can be loaded; 'absent' is neither; 'unknown' where the modules' folder is not there. */
export type ModuleState = 'loaded' | 'built in' | 'available' | 'absent' | 'unknown';

/** What `uname -r` says: '6.12.6-amd64'. */
export function kernelRelease(roots: Roots): string {
  return attribute(join(roots.proc, 'sys/kernel/osrelease')) ?? '';
}

/** Whether the running kernel has the module `name` (dashes or underscores). Loads nothing. */
export function moduleState(name: string, roots: Roots): ModuleState {
  const wanted = underscored(name);
  const loaded = attribute(join(roots.proc, 'modules')) ?? '';
  if (new RegExp(`^${wanted} `, 'm').test(loaded)) return 'loaded';
  if (exists(join(roots.sys, 'module', wanted))) return 'built in';
  const folder = join(roots.modules, kernelRelease(roots));
  if (listed(join(folder, 'modules.builtin'), wanted)) return 'built in';
  if (listed(join(folder, 'modules.dep'), wanted)) return 'available';
  return exists(join(folder, 'modules.dep')) ? 'absent' : 'unknown';
}

/** Whether a module, loadable or built in, calls itself `alias`: 'vfio-reset:calxeda,hb-xgmac'. */
export function aliasKnown(alias: string, roots: Roots): boolean {
  const folder = join(roots.modules, kernelRelease(roots));
  const loadable = attribute(join(folder, 'modules.alias')) ?? '';
  if (loadable.split('\n').some((line) => line.startsWith(`alias ${alias} `))) return true;
  const builtIn = attribute(join(folder, 'modules.builtin.modinfo')) ?? '';
  return builtIn.split('\0').some((entry) => entry.endsWith(`.alias=${alias}`));
}

/** Whether one of the lines of `file` begins with the path of that module: 'kernel/drivers/vfio/pci/vfio-pci.ko.xz: ...'. */
function listed(file: string, module: string): boolean {
  return (attribute(file) ?? '').split('\n').some((line) => {
    const [, name] = /^(?:\S*\/)?([^/\s:]+)\.ko\b/.exec(line) ?? [];
    return name !== undefined && underscored(name) === module;
  });
}

/** How the kernel writes the name of a module. */
export function underscored(name: string): string {
  return name.replaceAll('-', '_');
}
