import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
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

/** Patterns times registers, at the most: a file that anybody may have written is not to keep the tool busy for ever. */
const MOST_LOOKS = 2 ** 20;

/**
 * The maps of `device`, and for its regions that none of them describes those that `image` brings. A snapshot is a file that anybody may have
 * written: where the device has a word of its own on a region, the snapshot has none, and it has none on what is no region at all. Throws
 * VfioError where its order is longer than any that is of use.
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
  const restore = listed ?? image.snapshot.registers?.restore;
  if (listed === undefined && (restore?.length ?? 0) * registers.registers.length > MOST_LOOKS) {
    throw new VfioError({
      kind: 'limit',
      operation: `restore ${image.name}`,
      why: `the ${restore?.length ?? 0} patterns of its order are too many for ${registers.registers.length} registers`,
      hint: 'regs load FILE gives the device a map of its own',
    });
  }
  return { registers, borrowed: [...spaces], restore };
}

/** What of a map is in these spaces. */
function within(nodes: readonly (Block | Register)[], spaces: ReadonlySet<string>): (Block | Register)[] {
  return nodes.flatMap((node): (Block | Register)[] => {
    if (node.kind === 'register') return spaces.has(node.space) ? [node] : [];
    const children = within(node.children, spaces);
    return children.length === 0 ? [] : [{ ...node, children }];
  });
}
