import { baseName, type DtNode } from './node.js';
import type { Property } from './property.js';

/**
 * Addresses: `reg` through the `ranges` of every ancestor, up to what the processor sees, and `dma-ranges` the same way. Source: Devicetree
 * Specification v0.4, 2.3; IEEE 1275 PCI bus binding; where they leave something open, drivers/of/address.c, since the kernel's answer is the
 * one that its devices have.
 */

/** Source: include/linux/of.h, OF_MAX_ADDR_CELLS. */
const MOST_CELLS = 4;
/** What Linux takes where no ancestor says anything. */
const DEFAULT_CELLS = 1;
/** Entries of one property that are looked at: boards have dozens, a hostile tree would have a hundred thousand. */
const MOST_ENTRIES = 1024;

/** How many cells an address and a size have below a node. */
export interface CellCounts {
  readonly address: number;
  readonly size: number;
  /** What is odd about them: they were taken from further up, or are more than there can be. */
  readonly problem?: string;
}

export type PciSpace = 'config' | 'I/O' | 'memory 32' | 'memory 64';

/** Source: IEEE 1275 PCI bus binding, 2.2.1.1: phys.hi is npt000ss bbbbbbbb dddddfff rrrrrrrr. */
const pciSpaces: readonly PciSpace[] = ['config', 'I/O', 'memory 32', 'memory 64'];

/** An address on some bus: what stands in front of the number (PCI's phys.hi, ISA's space), and the number. */
export interface BusAddress {
  readonly value: bigint;
  readonly high?: number;
  /** PCI's space, and its 'p' bit. */
  readonly pci?: { readonly space: PciSpace; readonly prefetchable: boolean };
}

/** One step of a translation: the bus's node, and the address on it. */
export interface Hop {
  readonly bus: string;
  readonly address: bigint;
}

export type Translated =
  | { readonly cpu: bigint; readonly hops: readonly Hop[]; readonly problem?: string }
  | { readonly untranslated: string; readonly hops: readonly Hop[] };

/** One entry of `ranges` or `dma-ranges`: `size` bytes at `child` of the bus are those at `parent` of the bus above. */
export interface Range {
  readonly child: BusAddress;
  readonly parent: BusAddress;
  readonly size: bigint;
}

export interface Ranges {
  /** 'none': the bus's addresses mean nothing above it; 'same': an empty property, they are the same there. */
  readonly kind: 'none' | 'same' | 'listed';
  readonly entries: readonly Range[];
  readonly problem?: string;
}

/** One (address, size) of `reg`. */
export interface RegEntry {
  readonly index: number;
  readonly bus: BusAddress;
  /** Bytes; undefined where the bus has no sizes (#size-cells is 0). */
  readonly size: bigint | undefined;
  readonly translated: Translated;
}

export interface Reg {
  readonly entries: readonly RegEntry[];
  readonly cells: CellCounts;
  readonly problem?: string;
}

/** The cells of addresses and sizes below `bus`. Linux looks further up where `bus` does not say, the specification does not. */
export function cellsBelow(bus: DtNode): CellCounts {
  const [address, addressFrom] = countFrom(bus, '#address-cells');
  const [size, sizeFrom] = countFrom(bus, '#size-cells');
  const bad =
    address > MOST_CELLS ? `#address-cells is ${address}` : size > MOST_CELLS ? `#size-cells is ${size}` : undefined;
  if (bad !== undefined) return { address, size, problem: `${bad} at ${bus.path}: there can be ${MOST_CELLS} at most` };
  const odd = [
    ...(addressFrom === bus ? [] : [`#address-cells (taken as ${address})`]),
    ...(sizeFrom === bus ? [] : [`#size-cells (taken as ${size})`]),
  ];
  return odd.length === 0 ? { address, size } : { address, size, problem: `${bus.path} has no ${odd.join(' and ')}` };
}

function countFrom(bus: DtNode, name: string): [count: number, from: DtNode | undefined] {
  for (let at: DtNode | undefined = bus; at !== undefined; at = at.parent) {
    const count = at.property(name)?.u32;
    if (count !== undefined) return [count, at];
  }
  return [DEFAULT_CELLS, undefined];
}

/** Whether addresses below `bus` are PCI's, of three cells. */
export function isPciBus(bus: DtNode): boolean {
  const type = bus.property('device_type')?.string;
  return type === 'pci' || type === 'pciex' || type === 'ht' || type === 'vci' || baseName(bus) === 'pcie';
}

function isIsaBus(bus: DtNode): boolean {
  return baseName(bus) === 'isa' || baseName(bus) === 'eisa';
}

/** Cells as one number, the most significant first. */
export function numberOf(cells: readonly number[]): bigint {
  let value = 0n;
  for (const cell of cells) value = (value << 32n) | BigInt(cell);
  return value;
}

/** The address in `cells`, as `bus` means addresses below it. */
export function busAddress(bus: DtNode, cells: readonly number[]): BusAddress {
  const [high = 0, ...rest] = cells;
  if (cells.length === 3 && isPciBus(bus)) {
    const pci = { space: pciSpaces[(high >>> 24) & 3] ?? 'config', prefetchable: (high & 0x40000000) !== 0 };
    return { value: numberOf(rest), high, pci };
  }
  // Three cells elsewhere: flags and an address (of_bus_default_flags).
  if (cells.length === 3 || (cells.length === 2 && isIsaBus(bus))) return { value: numberOf(rest), high };
  return { value: numberOf(cells) };
}

/** Whether an address and the start of a range are in the same space of their bus. */
function inSameSpace(one: BusAddress, other: BusAddress): boolean {
  if (one.pci !== undefined && other.pci !== undefined) return one.pci.space[0] === other.pci.space[0];
  return one.high === other.high;
}

/** What was worked out already: a bus is asked for every node below it. */
const known = { ranges: new WeakMap<DtNode, Ranges>(), 'dma-ranges': new WeakMap<DtNode, Ranges>() };

/** `ranges` or `dma-ranges` of `bus`. */
export function rangesOf(bus: DtNode, name: 'ranges' | 'dma-ranges' = 'ranges'): Ranges {
  let ranges = known[name].get(bus);
  if (ranges === undefined) {
    ranges = readRanges(bus, name);
    known[name].set(bus, ranges);
  }
  return ranges;
}

function readRanges(bus: DtNode, name: 'ranges' | 'dma-ranges'): Ranges {
  const property = bus.property(name);
  if (property === undefined) return { kind: 'none', entries: [] };
  if (property.bytes.length === 0) return { kind: 'same', entries: [] };
  const above = bus.parent;
  if (above === undefined) return { kind: 'none', entries: [], problem: `the root has ${name}: they lead nowhere` };
  const below = cellsBelow(bus);
  const outer = cellsBelow(above);
  const why = tooMany(below) ?? tooMany(outer);
  if (why !== undefined) return { kind: 'listed', entries: [], problem: why };
  const [entries, problem] = entriesOf(property, bus, [below.address, outer.address, below.size]);
  const listed = entries.map(([child = [], parent = [], size = []]) => ({
    child: busAddress(bus, child),
    parent: busAddress(above, parent),
    size: numberOf(size),
  }));
  return { kind: 'listed', entries: listed, ...(problem !== undefined && { problem }) };
}

function tooMany(counts: CellCounts): string | undefined {
  return counts.address > MOST_CELLS || counts.size > MOST_CELLS ? counts.problem : undefined;
}

/** A property as entries of parts with so many cells each; what is left over is told of. */
function entriesOf(
  property: Property,
  node: DtNode,
  parts: readonly number[],
): [entries: number[][][], problem: string | undefined] {
  const { cells } = property;
  const width = parts.reduce((sum, count) => sum + count, 0);
  if (width === 0) return [[], `${property.name} of ${node.path}: its entries would have no cells`];
  const entries: number[][][] = [];
  for (let at = 0; at + width <= cells.length; at += width) {
    if (entries.length === MOST_ENTRIES)
      return [entries, `${property.name} of ${node.path} has more than ${MOST_ENTRIES} entries: the rest is left out`];
    let from = at;
    entries.push(parts.map((count) => cells.slice(from, (from += count))));
  }
  const over = property.bytes.length - entries.length * width * 4;
  return [
    entries,
    over === 0
      ? undefined
      : `${property.name} of ${node.path} has ${property.bytes.length} bytes, and an entry ${width * 4}: ${over} are left over`,
  ];
}

/** What the processor sees at the first entry of `reg`; undefined where there is none, or it is no place in memory. */
export function firstAddress(node: DtNode): bigint | undefined {
  const [first] = regOf(node, 1)?.entries ?? [];
  return first !== undefined && 'cpu' in first.translated ? first.translated.cpu : undefined;
}

/** `reg` of a node, each entry translated, or the first `most` of them; undefined where it has none. */
export function regOf(node: DtNode, most = MOST_ENTRIES): Reg | undefined {
  const property = node.property('reg');
  const bus = node.parent;
  if (property === undefined || bus === undefined) return undefined;
  const cells = cellsBelow(bus);
  const why = tooMany(cells);
  if (why !== undefined) return { entries: [], cells, problem: why };
  const [entries, problem] = entriesOf(property, node, [cells.address, cells.size]);
  const list = entries.slice(0, most).map(([address = [], size = []], index) => {
    const at = busAddress(bus, address);
    const bytes = cells.size === 0 ? undefined : numberOf(size);
    return { index, bus: at, size: bytes, translated: translate(bus, at, bytes) };
  });
  const odd = [problem, cells.problem].filter((one) => one !== undefined).join('; ');
  return { entries: list, cells, ...(odd !== '' && { problem: odd }) };
}

/** What the processor sees at `address` of `bus`. `size` is how many bytes are meant; undefined where there is no such thing. */
export function translate(bus: DtNode, address: BusAddress, size: bigint | undefined): Translated {
  if (size === undefined) {
    return { untranslated: `#size-cells of ${bus.path} is 0: it is a number there, not a place in memory`, hops: [] };
  }
  if (address.pci?.space === 'config')
    return { untranslated: 'it is in the config space of PCI, not in memory', hops: [] };
  return upwards(bus, address, size, 'ranges');
}

/** Follows `ranges` or `dma-ranges` from `bus` to the root. */
export function upwards(bus: DtNode, address: BusAddress, size: bigint, name: 'ranges' | 'dma-ranges'): Translated {
  const hops: Hop[] = [{ bus: bus.path, address: address.value }];
  let problem: string | undefined;
  let at = address;
  let here = bus;
  for (let above = here.parent; above !== undefined; here = above, above = here.parent) {
    const ranges = rangesOf(here, name);
    if (ranges.kind === 'none' && name === 'ranges')
      return { untranslated: `${here.path} has no ranges: its addresses mean nothing outside of it`, hops };
    // Without dma-ranges a bus lets DMA through as it is.
    if (ranges.kind !== 'listed') {
      at = isPciBus(above) ? at : { value: at.value };
    } else {
      const range = ranges.entries.find(
        ({ child, size: bytes }) => inSameSpace(at, child) && at.value >= child.value && at.value - child.value < bytes,
      );
      if (range === undefined) {
        const why = ranges.problem ?? `no entry of ${name} of ${here.path} holds 0x${at.value.toString(16)}`;
        return { untranslated: why, hops };
      }
      const offset = at.value - range.child.value;
      if (offset + size > range.size && problem === undefined) {
        problem = `only the first 0x${(range.size - offset).toString(16)} bytes are in ${name} of ${here.path}`;
      }
      at = { ...range.parent, value: range.parent.value + offset };
    }
    hops.push({ bus: above.path, address: at.value });
  }
  if (at.value >= 1n << 64n) return { untranslated: `0x${at.value.toString(16)} has more than 64 bits`, hops };
  return { cpu: at.value, hops, ...(problem !== undefined && { problem }) };
}
