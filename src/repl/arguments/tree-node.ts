import type { DtNode } from '../../vfio/devicetree/node.js';
import type { DeviceTree } from '../../vfio/devicetree/tree.js';
import type { World } from '../environment.js';
import type { Argument, Candidate } from './argument.js';

/** NODE of a device tree: a path, a label, an alias or a device. `treeOf` gives the tree for Tab, undefined where there is none. */
export function treeNode(summary: string, treeOf: (world: World) => DeviceTree | undefined): Argument<string> {
  return {
    label: 'NODE',
    summary,
    presence: 'required',
    parse(words) {
      const word = words.take('NODE');
      if (word.text === '') words.fail('the node has no name', word, 'dt tree lists the nodes');
      return { constant: word.text };
    },
    complete: (typed, world) => candidates(typed, treeOf(world), world),
  };
}

function candidates(typed: string, tree: DeviceTree | undefined, world: World): Candidate[] {
  if (typed.startsWith('/')) {
    const folder = typed.slice(0, typed.lastIndexOf('/') + 1);
    return (tree?.find(folder)?.children ?? []).map((child) => pathOf(folder, child));
  }
  if (typed.startsWith('&')) return [...(tree?.labels.keys() ?? [])].map((label) => ({ text: `&${label}` }));
  const devices = world.deviceNames().filter((name) => !name.startsWith('sim:'));
  return [
    { text: '/', more: true },
    ...[...(tree?.aliases.keys() ?? []), ...(tree?.labels.keys() ?? []), ...devices].map((text) => ({ text })),
  ];
}

/** A node that has others below it is where a longer path goes on. */
function pathOf(folder: string, { name, children }: DtNode): Candidate {
  return children.length > 0 ? { text: `${folder}${name}/`, more: true } : { text: `${folder}${name}` };
}
