import { systemRoots } from '../vfio/bus/roots.js';
import { readTreeFile } from '../vfio/devicetree/file.js';
import { liveTree } from '../vfio/devicetree/folder.js';
import type { DeviceTree } from '../vfio/devicetree/tree.js';
import { VfioError } from '../vfio/errors.js';
import type { World } from './environment.js';
import { KERNELS_TREE } from './kernels-tree.js';

/** The tree that Tab looks into. What cannot be read has no candidates. */
export function treeForTab(world: World): DeviceTree | undefined {
  try {
    const path = world.deviceTree;
    return path === KERNELS_TREE ? liveTree(systemRoots) : readTreeFile(path);
  } catch (error) {
    if (error instanceof VfioError) return undefined;
    throw error;
  }
}
