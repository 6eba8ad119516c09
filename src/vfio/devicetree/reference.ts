import type { DtNode } from './node.js';
import type { Property } from './property.js';
import type { DeviceTree } from './tree.js';

/**
 * Properties that refer to other nodes: lists of phandles, each with as many cells behind it as that node says in its #...-cells. A device tree
 * does not tell which properties these are; the bindings do. Source: drivers/of/property.c, of_supplier_bindings, and
 * Documentation/devicetree/bindings.
 */

/** Entries of one property that are looked at: a hostile tree would have a hundred thousand. */
const MOST_ENTRIES = 1024;
const MOST_CELLS = 16;

/** How the entries of a property are made. */
interface Shape {
  /** The property of the provider that counts the cells behind a phandle; none where phandles stand alone. */
  readonly cells?: string;
  /** What is taken where the provider lacks it; by default that is an error. */
  readonly fallback?: number;
  /** Cells behind each phandle, whatever the provider says; 'rest' where there is one phandle, and all that follows belongs to it. */
  readonly fixed?: number | 'rest';
  /** The property with the names of the entries. */
  readonly names?: string;
}

const shapes: Readonly<Record<string, Shape>> = {
  clocks: { cells: '#clock-cells', names: 'clock-names' },
  'assigned-clocks': { cells: '#clock-cells' },
  'assigned-clock-parents': { cells: '#clock-cells' },
  resets: { cells: '#reset-cells', names: 'reset-names' },
  'power-domains': { cells: '#power-domain-cells', names: 'power-domain-names' },
  dmas: { cells: '#dma-cells', names: 'dma-names' },
  iommus: { cells: '#iommu-cells' },
  phys: { cells: '#phy-cells', names: 'phy-names' },
  mboxes: { cells: '#mbox-cells', names: 'mbox-names' },
  pwms: { cells: '#pwm-cells', names: 'pwm-names' },
  'io-channels': { cells: '#io-channel-cells', names: 'io-channel-names' },
  interconnects: { cells: '#interconnect-cells' },
  hwlocks: { cells: '#hwlock-cells', names: 'hwlock-names' },
  'nvmem-cells': { cells: '#nvmem-cell-cells', fallback: 0, names: 'nvmem-cell-names' },
  'msi-parent': { cells: '#msi-cells', fallback: 0 },
  'thermal-sensors': { cells: '#thermal-sensor-cells' },
  'cooling-device': { cells: '#cooling-cells' },
  'sound-dai': { cells: '#sound-dai-cells' },
  'access-controllers': { cells: '#access-controller-cells', names: 'access-controller-names' },
  'memory-region': { names: 'memory-region-names' },
  'io-backends': { cells: '#io-backend-cells' },
  pses: { cells: '#pse-cells' },
  'gpio-ranges': { fixed: 3 },
  'riscv,delegate': { fixed: 2 },
  ...Object.fromEntries(
    ['allwinner,sram', 'fsl,blk-ctrl', 'fsl,liodn-reg', 'fsl,stop-mode', 'intf_mode'].map((name): [string, Shape] => [
      name,
      { fixed: 'rest' },
    ]),
  ),
  ...Object.fromEntries(
    [
      'interrupt-parent',
      'interrupt-affinity',
      'remote-endpoint',
      'next-level-cache',
      'operating-points-v2',
      'cpu-idle-states',
      'domain-idle-states',
      'wakeup-parent',
      'phy-handle',
      'tbi-handle',
      'cpu-handle',
      'dev-handle',
      'ptimer-handle',
      'ptp-timer',
      'pcs-handle',
      'sfp',
      'mmc-pwrseq',
      'backlight',
      'panel',
      'leds',
      'ddc-i2c-bus',
      'ddc',
      'i2c-parent',
      'i2c-bus',
      'mdio-parent-bus',
      'fsl,iommu-parent',
      'fpga-mgr',
      'extcon',
      'trip',
      'cpu',
      'shmem',
      'syscon',
      'rockchip,grf',
      'rockchip,pmu',
      'pm_qos',
      'secure-monitor',
      'nvmem',
      'power-supplies',
      'hdmi-phandle',
      'amlogic,ao-sysctrl',
      'amlogic,canvas',
      'arasan,soc-ctl-syscon',
      'arm,cs-dev-assoc',
      'fsl,bman-portals',
      'fsl,fman-ports',
      'fsl,msi',
      'fsl,qman-portals',
      'fsl,srio-rmu-handle',
      'riscv,children',
      'snps,axi-config',
      'snps,mtl-rx-config',
      'snps,mtl-tx-config',
    ].map((name): [string, Shape] => [name, {}]),
  ),
};

function shapeOf({ name }: Property): Shape | undefined {
  if (Object.hasOwn(shapes, name)) return shapes[name];
  if (/^pinctrl-\d+$/.test(name)) return {};
  if (name.endsWith('-supply')) return {};
  // 'ngpios', 'nr-gpios' and the like are numbers.
  if (/(?:^|-)gpios?$/.test(name) && !/(?:^|[,-])nr-gpios$/.test(name)) return { cells: '#gpio-cells' };
  return undefined;
}

/** One entry of a property that refers to other nodes. */
export interface Reference {
  readonly property: string;
  readonly index: number;
  readonly name?: string;
  /** The node that is meant; undefined for an entry that is left empty (phandle 0) or cannot be resolved. */
  readonly target?: DtNode;
  /** The cells behind the phandle. */
  readonly cells: readonly number[];
  readonly problem?: string;
}

/** The references of every property of `node` that is known to hold some, in the order of the properties. */
export function referencesOf(tree: DeviceTree, node: DtNode): Reference[] {
  // Lists of names, in which a property is called what somebody called a node.
  if (node.parent === tree.root && /^(?:aliases|chosen|__.*__)$/.test(node.name)) return [];
  return node.properties.flatMap((property) => references(tree, node, property) ?? []);
}

/** The references in one property; undefined where the node has none of that name, or it is not known to hold any. */
export function referencesIn(tree: DeviceTree, node: DtNode, name: string): Reference[] | undefined {
  const property = node.property(name);
  return property === undefined ? undefined : references(tree, node, property);
}

function references(tree: DeviceTree, node: DtNode, property: Property): Reference[] | undefined {
  const shape = shapeOf(property);
  if (shape === undefined) return undefined;
  if (shape.cells === '#gpio-cells' && node.property('gpio-hog') !== undefined) return hogged(node, property);
  const names = namesOf(node, property, shape);
  const found: Reference[] = [];
  const add = (entry: Omit<Reference, 'property' | 'index' | 'name'>): void => {
    const index = found.length;
    const name = names[index];
    found.push({ property: property.name, index, ...(name !== undefined && name !== '' && { name }), ...entry });
  };
  const { cells } = property;
  if (!property.isCells || cells.length === 0) {
    add({ cells, problem: `${property.bytes.length} bytes are no list of phandles` });
    return found;
  }
  for (let at = 0; at < cells.length;) {
    if (found.length === MOST_ENTRIES) {
      add({ cells: [], problem: `there are more than ${MOST_ENTRIES}: the rest is left out` });
      break;
    }
    const phandle = cells[at] ?? 0;
    at += 1;
    if (phandle === 0) {
      add({ cells: [] });
      continue;
    }
    const target = tree.byPhandle(phandle);
    // Without the provider nobody knows how many cells follow.
    const alone = shape.cells === undefined && shape.fixed === undefined;
    const rest = at === cells.length || alone ? '' : ', so what follows cannot be told apart';
    if (target === undefined) {
      add({ cells: [], problem: `no node has phandle 0x${phandle.toString(16)}${rest}` });
      if (rest !== '') break;
      continue;
    }
    const count = countOf(shape, target, cells.length - at);
    if (count === undefined) {
      add({ target, cells: [], problem: `${target.path} has no ${shape.cells ?? ''}${rest}` });
      break;
    }
    if (count > MOST_CELLS || at + count > cells.length) {
      const there = cells.slice(at);
      add({ target, cells: there, problem: `${target.path} wants ${count} cells, and ${there.length} are there` });
      break;
    }
    add({ target, cells: cells.slice(at, at + count) });
    at += count;
  }
  return found;
}

/** The cells behind a phandle that refers to `target`, of those that are `left`; undefined where the target does not say how many. */
function countOf({ cells, fixed, fallback }: Shape, target: DtNode, left: number): number | undefined {
  if (fixed !== undefined) return fixed === 'rest' ? left : fixed;
  return cells === undefined ? 0 : (target.property(cells)?.u32 ?? fallback);
}

function namesOf(node: DtNode, property: Property, shape: Shape): readonly string[] {
  const state = /^pinctrl-(\d+)$/.exec(property.name)?.[1];
  if (state !== undefined) {
    const name = node.property('pinctrl-names')?.strings[Number(state)];
    return name === undefined ? [] : Array.from({ length: property.bytes.length / 4 }, () => name);
  }
  const names = shape.names === undefined ? [] : (node.property(shape.names)?.strings ?? []);
  return names;
}

/** A GPIO hog stands below its controller, and its `gpios` has no phandles. */
function hogged(node: DtNode, property: Property): Reference[] {
  const controller = node.parent;
  const count = controller?.property('#gpio-cells')?.u32 ?? 0;
  const { cells } = property;
  if (controller === undefined || count === 0 || count > MOST_CELLS)
    return [{ property: property.name, index: 0, cells, problem: `${node.path} is a hog below no GPIO controller` }];
  const entries = Math.min(MOST_ENTRIES, Math.floor(cells.length / count));
  return Array.from({ length: entries }, (_, index) => ({
    property: property.name,
    index,
    target: controller,
    cells: cells.slice(index * count, (index + 1) * count),
  }));
}

/** One entry of iommu-map or msi-map: PCI requester IDs [first, first + length) are `output` and on at the target. */
export interface MapEntry {
  readonly first: number;
  readonly length: number;
  readonly target?: DtNode;
  readonly output: number;
  readonly problem?: string;
}

/** iommu-map or msi-map of a PCI host bridge. Source: bindings/pci/pci-iommu.txt, pci-msi.txt. */
export function idMapOf(tree: DeviceTree, node: DtNode, name: 'iommu-map' | 'msi-map'): MapEntry[] | undefined {
  const cells = node.property(name)?.cells;
  if (cells === undefined) return undefined;
  const entries: MapEntry[] = [];
  for (let at = 0; at + 4 <= cells.length && entries.length < MOST_ENTRIES; at += 4) {
    const [first = 0, phandle = 0, output = 0, length = 0] = cells.slice(at, at + 4);
    const target = tree.byPhandle(phandle);
    const problem = target === undefined ? `no node has phandle 0x${phandle.toString(16)}` : undefined;
    entries.push({
      first,
      length,
      output,
      ...(target !== undefined && { target }),
      ...(problem !== undefined && { problem }),
    });
  }
  const over = cells.length - 4 * entries.length;
  if (over > 0) {
    const problem = `${name} of ${node.path} has ${cells.length} cells, and an entry 4: ${over} are left out`;
    entries.push({ first: 0, length: 0, output: 0, problem });
  }
  return entries;
}
