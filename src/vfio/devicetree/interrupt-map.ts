import type { DtNode } from './node.js';
import type { DeviceTree } from './tree.js';

/** Interrupt nexus nodes, whose interrupt-map hands interrupts on. Source: Devicetree Specification v0.4, 2.4.3. */

/** Entries of one interrupt-map that are looked at: a hostile tree would have a hundred thousand. */
const MOST_ENTRIES = 1024;
/** What Linux takes where no #address-cells is found. */
const DEFAULT_ADDRESS_CELLS = 2;
/** Cells of an address or an interrupt, at the most. */
export const MOST_CELLS = 16;

/** How many cells an interrupt of `controller` has; a string says what is wrong. */
export function interruptCells(controller: DtNode): number | string {
  const count = controller.property('#interrupt-cells')?.u32;
  if (count === undefined) return `${controller.path} has no #interrupt-cells`;
  return count <= MOST_CELLS ? count : `#interrupt-cells of ${controller.path} is ${count}`;
}

/** The address cells of a nexus or controller: its own, or those that it stands under. */
export function addressCells(node: DtNode): number {
  for (let at: DtNode | undefined = node; at !== undefined; at = at.parent) {
    const count = at.property('#address-cells')?.u32;
    if (count !== undefined) return count;
  }
  return DEFAULT_ADDRESS_CELLS;
}

/** One entry of an interrupt-map: what comes in, and what it becomes. */
export interface MapEntry {
  /** Unit address and interrupt, as they are compared under the mask. */
  readonly key: readonly number[];
  readonly parent: DtNode;
  readonly address: readonly number[];
  readonly cells: readonly number[];
}

function* mapEntries(tree: DeviceTree, nexus: DtNode, size: number): Generator<MapEntry | string> {
  const map = nexus.property('interrupt-map')?.cells ?? [];
  let entries = 0;
  for (let at = 0; at < map.length; entries += 1) {
    if (entries === MOST_ENTRIES) return yield `interrupt-map of ${nexus.path} has more than ${MOST_ENTRIES} entries`;
    const key = map.slice(at, at + size);
    at += size;
    const phandle = map[at];
    if (phandle === undefined) return yield `interrupt-map of ${nexus.path} ends within an entry`;
    const parent = tree.byPhandle(phandle);
    if (parent === undefined)
      return yield `interrupt-map of ${nexus.path}: no node has phandle 0x${phandle.toString(16)}`;
    at += 1;
    const count = interruptCells(parent);
    if (typeof count === 'string') return yield `interrupt-map of ${nexus.path}: ${count}`;
    const addresses = parent.property('#address-cells')?.u32 ?? 0;
    if (addresses > MOST_CELLS) return yield `#address-cells of ${parent.path} is ${addresses}`;
    if (at + addresses + count > map.length) return yield `interrupt-map of ${nexus.path} ends within an entry`;
    yield {
      key,
      parent,
      address: map.slice(at, at + addresses),
      cells: map.slice(at + addresses, at + addresses + count),
    };
    at += addresses + count;
  }
  return undefined;
}

/** The maps that were taken apart already: each is searched for every interrupt below it. */
const known = new WeakMap<DtNode, { readonly size: number; readonly entries: readonly (MapEntry | string)[] }>();

/** The entries of the interrupt-map of `nexus`, whose keys have `size` cells; the last one says what is wrong, where something is. */
export function entriesOf(tree: DeviceTree, nexus: DtNode, size: number): readonly (MapEntry | string)[] {
  const before = known.get(nexus);
  if (before?.size === size) return before.entries;
  const entries = [...mapEntries(tree, nexus, size)];
  known.set(nexus, { size, entries });
  return entries;
}

/** The entry of the interrupt-map of `nexus` for a unit address and cells. A string says why there is none. */
export function mapped(
  tree: DeviceTree,
  nexus: DtNode,
  address: readonly number[],
  cells: readonly number[],
): MapEntry | string {
  const size = addressCells(nexus);
  if (size > MOST_CELLS) return `#address-cells of ${nexus.path} is ${size}`;
  const unit = [...Array.from({ length: size }, (_, index) => address[index] ?? 0), ...cells];
  const mask = nexus.property('interrupt-map-mask')?.cells ?? [];
  for (const entry of entriesOf(tree, nexus, unit.length)) {
    if (typeof entry === 'string') return entry;
    const { key } = entry;
    if (unit.every((cell, index) => ((cell ^ (key[index] ?? 0)) & (mask[index] ?? 0xffffffff)) === 0)) return entry;
  }
  return `no entry of interrupt-map of ${nexus.path} fits ${unit.map((cell) => `0x${cell.toString(16)}`).join(' ')}`;
}
