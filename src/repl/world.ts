import { readdirSync } from 'node:fs';
import { lookUp } from '../vfio/registers/lookup.js';
import { modelNames } from '../vfio/sim/catalog.js';
import { expandHome } from '../vfio/home.js';
import type { World } from './environment.js';
import { KERNELS_TREE } from './kernels-tree.js';
import { optionNames } from './options.js';
import { registerCandidates } from './register-completion.js';
import type { Session } from './session.js';
import { profileNames } from '../vfio/profile/names.js';

/** Where the kernel lists devices that VFIO may drive. */
const busFolders = ['pci', 'platform', 'amba', 'fsl-mc', 'cdx'].map((bus) => `/sys/bus/${bus}/devices`);

/** What completion knows of `session`: names only, nothing of it from the device. */
export function worldOf(session: Session): World {
  return {
    get spaceNames() {
      return session.spaceNames;
    },
    registerNames: (typed) => registerCandidates(typed, session),
    registerNamed: (path) => {
      const steps = path.split('.').map((name) => ({ name }));
      const space = session.space(steps[0]?.name ?? '')?.name;
      const found = lookUp(session.registers, space, space === undefined ? steps : steps.slice(1));
      return typeof found === 'object' ? found.register : undefined;
    },
    get mapNames() {
      return session.registers.maps.map(({ name }) => name);
    },
    get irqNames() {
      return [...(session.device?.irqs ?? [])].flatMap(({ names }) => names);
    },
    get variableNames() {
      return [...session.variables.keys(), '_'];
    },
    get commandNames() {
      return session.registry.names;
    },
    optionNames,
    optionChoices: (name) => session.options.choices(name),
    deviceNames: () => [...modelNames.map((name) => `sim:${name}`), ...busFolders.flatMap(list)],
    get deviceTree() {
      const path = session.options.get('dtb');
      return path === KERNELS_TREE ? path : expandHome(path);
    },
    get scripts() {
      const scripts = session.device?.profile?.scripts ?? [];
      return [...scripts].map(([name, { summary }]) => ({ name, ...(summary !== undefined && { summary }) }));
    },
    profileNames,
    files: listFolder,
  };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Entries of `folder` ('' is the current one), folders with a slash behind their names. */
function listFolder(folder: string): string[] {
  try {
    const entries = readdirSync(folder === '' ? '.' : expandHome(folder), { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  } catch {
    return [];
  }
}
