import { type DecodedInterrupt, decodeInterrupt } from './interrupt-controller.js';
import { addressCells, interruptCells, entriesOf, mapped, MOST_CELLS } from './interrupt-map.js';
import { type DtNode, isCompatible } from './node.js';
import type { DeviceTree } from './tree.js';

/**
 * Interrupts, from a device up to the controller that takes them. Source: Devicetree Specification v0.4, 2.4; where that leaves something open,
 * drivers/of/irq.c.
 */

/** Interrupts of one node that are looked at: a hostile tree would have a hundred thousand. */
const MOST_ENTRIES = 1024;
/** Controllers and maps that an interrupt goes through, at the most. */
const LONGEST_WAY = 64;

/**
 * Interrupt controllers that have an interrupt-map of a meaning of their own. Source: drivers/of/irq.c, of_irq_imap_abusers.
 */
const ownMaps = [
  'CBEA,platform-spider-pic',
  'sti,platform-spider-pic',
  'realtek,rtl-intc',
  'fsl,ls1021a-extirq',
  'fsl,ls1043a-extirq',
  'fsl,ls1088a-extirq',
  'renesas,rza1-irqc',
];

/** One interrupt of a node: where it ends, and as what. */
export interface Interrupt {
  readonly index: number;
  /** From interrupt-names. */
  readonly name?: string;
  /** The controller that takes it; undefined where that cannot be told. */
  readonly controller?: string;
  /** The cells as they stand in the node. */
  readonly cells: readonly number[];
  /** The cells that reach the controller, where an interrupt-map changed them. */
  readonly mapped?: readonly number[];
  /** The nodes whose interrupt-map it went through. */
  readonly maps: readonly string[];
  readonly decoded?: DecodedInterrupt;
  /** Why it could not be resolved. */
  readonly problem?: string;
}

export interface Interrupts {
  readonly entries: readonly Interrupt[];
  /** What is wrong with the properties as a whole. */
  readonly problem?: string;
}

interface Raw {
  readonly parent: DtNode;
  readonly cells: readonly number[];
}

/** The interrupts of a node, in the order in which the kernel counts them; undefined where it has none. */
export function interruptsOf(tree: DeviceTree, node: DtNode): Interrupts | undefined {
  const extended = node.property('interrupts-extended');
  const plain = node.property('interrupts');
  if (extended === undefined && plain === undefined) return undefined;
  const names = node.property('interrupt-names')?.strings ?? [];
  const [raws, problem] =
    extended === undefined ? inherited(tree, node, plain?.cells ?? []) : listed(tree, node, extended.cells);
  const entries = raws.map((raw, index) => ({
    index,
    ...(names[index] !== undefined && names[index] !== '' && { name: names[index] }),
    ...resolve(tree, node.property('reg')?.cells ?? [], raw),
  }));
  const surplus =
    problem === undefined && names.length > entries.length
      ? `interrupt-names of ${node.path} has ${names.length} names for ${entries.length} interrupts`
      : problem;
  return { entries, ...(surplus !== undefined && { problem: surplus }) };
}

/** `interrupts`: all of them go to the one interrupt parent. */
function inherited(
  tree: DeviceTree,
  node: DtNode,
  cells: readonly number[],
): [raws: Raw[], problem: string | undefined] {
  const parent = interruptParent(tree, node);
  if (typeof parent === 'string') return [[], parent];
  const count = interruptCells(parent);
  if (typeof count === 'string') return [[], count];
  if (count === 0) return [[], `#interrupt-cells of ${parent.path} is 0: interrupts cannot be told apart`];
  const raws: Raw[] = [];
  for (let at = 0; at + count <= cells.length && raws.length < MOST_ENTRIES; at += count) {
    raws.push({ parent, cells: cells.slice(at, at + count) });
  }
  if (raws.length === MOST_ENTRIES) return [raws, `${node.path} has more than ${MOST_ENTRIES} interrupts`];
  const over = cells.length - raws.length * count;
  return [
    raws,
    over === 0
      ? undefined
      : `interrupts of ${node.path} has ${cells.length} cells, and ${parent.path} wants ${count} for each: ${over} are left over`,
  ];
}

/** `interrupts-extended`: each names its own controller. */
function listed(tree: DeviceTree, node: DtNode, cells: readonly number[]): [raws: Raw[], problem: string | undefined] {
  const raws: Raw[] = [];
  for (let at = 0; at < cells.length && raws.length < MOST_ENTRIES;) {
    const phandle = cells[at] ?? 0;
    const parent = tree.byPhandle(phandle);
    if (parent === undefined)
      return [raws, `interrupts-extended of ${node.path}: no node has phandle 0x${phandle.toString(16)}`];
    const count = interruptCells(parent);
    if (typeof count === 'string') return [raws, `interrupts-extended of ${node.path}: ${count}`];
    at += 1;
    if (at + count > cells.length)
      return [raws, `interrupts-extended of ${node.path} ends within an interrupt of ${parent.path}`];
    raws.push({ parent, cells: cells.slice(at, at + count) });
    at += count;
  }
  return [raws, raws.length === MOST_ENTRIES ? `${node.path} has more than ${MOST_ENTRIES} interrupts` : undefined];
}

/** The node that takes a node's interrupts: the nearest interrupt-parent above that has #interrupt-cells. A string says why there is none. */
export function interruptParent(tree: DeviceTree, node: DtNode): DtNode | string {
  const seen = new Set<DtNode>();
  let at = node;
  for (;;) {
    if (seen.has(at)) return `the interrupt parents of ${node.path} lead in a circle, by way of ${at.path}`;
    seen.add(at);
    const property = at.property('interrupt-parent');
    const phandle = property?.u32;
    const next: DtNode | undefined =
      property === undefined ? at.parent : phandle === undefined ? undefined : tree.byPhandle(phandle);
    if (next === undefined) {
      return property === undefined
        ? `${node.path} has interrupts and no interrupt parent`
        : `interrupt-parent of ${at.path}: no node has phandle ${phandle === undefined ? '(not one cell)' : `0x${phandle.toString(16)}`}`;
    }
    if (next.property('#interrupt-cells') !== undefined) return next;
    at = next;
  }
}

/**
 * The interrupt of a pin (1 is INTA) of a PCI device right below a host bridge, which the bridge's interrupt-map names; undefined where the
 * bridge has none. `devfn` is the device's number and function. Source: drivers/pci/of.c, of_irq_parse_pci().
 */
export function pinInterrupt(
  tree: DeviceTree,
  bridge: DtNode,
  devfn: number,
  pin: number,
): Omit<Interrupt, 'index' | 'name'> | undefined {
  if (bridge.property('interrupt-map') === undefined) return undefined;
  return resolve(tree, [devfn << 8, 0, 0], { parent: bridge, cells: [pin] });
}

/** Follows an interrupt to its controller, through interrupt-maps, which go by the unit address as well. */
function resolve(tree: DeviceTree, unit: readonly number[], raw: Raw): Omit<Interrupt, 'index' | 'name'> {
  const maps: string[] = [];
  let controller = raw.parent;
  let cells = raw.cells;
  let address = unit;
  for (let step = 0; step < LONGEST_WAY; step += 1) {
    const map = controller.property('interrupt-map');
    const isController = controller.property('interrupt-controller') !== undefined;
    if (isController && (map === undefined || isCompatible(controller, ...ownMaps)))
      return arrived(tree, raw, controller, cells, maps);
    if (map === undefined) {
      const above = interruptParent(tree, controller);
      if (typeof above === 'string')
        return failed(raw, maps, `${controller.path} is no interrupt controller (it has no property of that name)`);
      controller = above;
      continue;
    }
    maps.push(controller.path);
    const next = mapped(tree, controller, address, cells);
    if (typeof next === 'string') return failed(raw, maps, next);
    if (next.parent === controller) return arrived(tree, raw, controller, next.cells, maps);
    ({ parent: controller, cells, address } = next);
  }
  return failed(
    raw,
    maps,
    `it goes through more than ${LONGEST_WAY} controllers: do their interrupt-maps lead in a circle?`,
  );
}

function arrived(
  tree: DeviceTree,
  raw: Raw,
  controller: DtNode,
  cells: readonly number[],
  maps: readonly string[],
): Omit<Interrupt, 'index' | 'name'> {
  const above = (node: DtNode): DtNode | undefined => {
    const parent = interruptParent(tree, node);
    return typeof parent === 'string' ? undefined : parent;
  };
  return {
    controller: controller.path,
    cells: raw.cells,
    ...(cells !== raw.cells && { mapped: cells }),
    maps,
    decoded: decodeInterrupt(controller, cells, above),
  };
}

function failed(raw: Raw, maps: readonly string[], problem: string): Omit<Interrupt, 'index' | 'name'> {
  return { cells: raw.cells, maps, problem };
}

/** An entry of an interrupt-map as it is listed: the unit address and the interrupt that come in, and where they end. */
export interface MappedInterrupt extends Omit<Interrupt, 'index' | 'name'> {
  readonly unit: readonly number[];
}

/** The interrupt-map of a node, each entry followed to its controller; undefined where it has none. */
export function interruptMapOf(
  tree: DeviceTree,
  nexus: DtNode,
): { readonly entries: readonly MappedInterrupt[]; readonly problem?: string } | undefined {
  if (nexus.property('interrupt-map') === undefined) return undefined;
  const size = addressCells(nexus);
  const count = interruptCells(nexus);
  if (typeof count === 'string') return { entries: [], problem: count };
  if (size > MOST_CELLS) return { entries: [], problem: `#address-cells of ${nexus.path} is ${size}` };
  const entries: MappedInterrupt[] = [];
  for (const entry of entriesOf(tree, nexus, size + count)) {
    if (typeof entry === 'string') return { entries, problem: entry };
    const { key, parent, address, cells } = entry;
    const { maps, ...end } = resolve(tree, address, { parent, cells });
    entries.push({ ...end, unit: key.slice(0, size), cells: key.slice(size), maps });
  }
  return { entries };
}
