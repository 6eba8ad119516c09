import { allDevices, describeDevice } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import { VfioError } from '../errors.js';
import { nearest } from '../nearest.js';
import { nodeNamed } from './device-name.js';
import type { DtNode } from './node.js';
import { nodeOfDevice } from './of-node.js';
import type { DeviceTree } from './tree.js';

/** Nodes of one name that an error lists. */
const MOST_NAMED = 6;

/**
 * The node that `text` means: a path, a label ('uart0', '&uart0'), an alias, a device of this machine ('fe101300.dma'), the name of a node
 * ('dma@101300') or, where only one has it, its name without the unit address. Throws VfioError of kind 'absent' with the nearest names.
 */
export function lookUp(tree: DeviceTree, text: string, roots: Roots): DtNode {
  const label = tree.labels.get(text.replace(/^&/, ''));
  const named = text.startsWith('&') ? undefined : (tree.find(text) ?? device(tree, text, roots));
  const found = (label === undefined ? undefined : tree.find(label)) ?? named;
  if (found !== undefined) return found;
  const same = [...tree.nodes()].filter(({ name }) => name === text || name.split('@')[0] === text);
  if (same.length === 1 && same[0] !== undefined) return same[0];
  const why = same.length > 1 ? `${same.length} nodes are called so` : 'it has no such node, label, alias or device';
  throw new VfioError({
    kind: 'absent',
    operation: `find ${text} in the device tree of ${tree.origin}`,
    why,
    hint: hint(tree, text, same),
  });
}

function device(tree: DeviceTree, name: string, roots: Roots): DtNode | undefined {
  const known = allDevices(roots).find((one) => one.name === name);
  const bus = known === undefined ? undefined : describeDevice(known.bus, known.name, roots);
  return (bus === undefined ? undefined : nodeOfDevice(tree, bus, roots)?.node) ?? nodeNamed(tree, name);
}

function hint(tree: DeviceTree, text: string, same: readonly DtNode[]): string {
  if (same.length > 1)
    return same
      .slice(0, MOST_NAMED)
      .map(({ path }) => path)
      .join(', ');
  const paths = [...tree.nodes()].map(({ path }) => path);
  const parts = paths.filter((path) => text.length > 2 && path.toLowerCase().includes(text.toLowerCase()));
  const near =
    parts.length > 0 && parts.length <= 4
      ? parts
      : nearest(text, text.startsWith('/') ? paths : [...tree.labels.keys(), ...tree.aliases.keys()]);
  return near.length > 0 ? `did you mean ${near.slice(0, 4).join(' or ')}?` : '`dt tree` lists its nodes';
}
