import type { Device } from '../device.js';
import type { Block, Register } from '../registers/register-map.js';
import { RegisterSet } from '../registers/register-set.js';
import type { Image } from './image.js';

/** What is known of the registers of a device that a snapshot is held against. */
export interface Described {
  readonly registers: RegisterSet;
  /** The regions whose registers are described by maps of the snapshot. */
  readonly borrowed: readonly string[];
  /** Patterns of the registers that may be restored, in that order; undefined where nobody has said. */
  readonly restore: readonly string[] | undefined;
}

/**
 * The maps of `device`, and for its regions that none of them describes those that `image` brings. A snapshot is a file that anybody may have
 * written: where the device has a word of its own on a region, the snapshot has none, and it has none on what is no region at all.
 */
export function describedBy(device: Device, image: Image): Described {
  const own = device.registers;
  const described = new Set(own.registers.map(({ space }) => space));
  const kept = new Set([...image.regions.values()].map(({ name }) => name));
  const open = new Set(device.regions.flatMap(({ name }) => (kept.has(name) && !described.has(name) ? [name] : [])));
  const brought = image.registers.maps.map((map) => ({ ...map, children: within(map.children, open) }));
  const useful = brought.filter(({ children }) => children.length > 0);
  const listed = device.profile?.restore;
  if (useful.length === 0) return { registers: own, borrowed: [], restore: listed };
  const registers = new RegisterSet();
  for (const map of own.maps) registers.add(map);
  // Under a name that is no map's of the device, in whose place it would be put.
  for (const map of useful) registers.add({ ...map, name: `${image.name}: ${map.name}` });
  const spaces = new Set(registers.registers.map(({ space }) => space).filter((space) => open.has(space)));
  return { registers, borrowed: [...spaces], restore: listed ?? image.snapshot.registers?.restore };
}

/** What of a map is in these spaces. */
function within(nodes: readonly (Block | Register)[], spaces: ReadonlySet<string>): (Block | Register)[] {
  return nodes.flatMap((node): (Block | Register)[] => {
    if (node.kind === 'register') return spaces.has(node.space) ? [node] : [];
    const children = within(node.children, spaces);
    return children.length === 0 ? [] : [{ ...node, children }];
  });
}
