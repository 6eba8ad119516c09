import { numberOf, type Ranges, type Reg, type RegEntry, rangesOf, regOf } from './address.js';
import { deviceNameOf, isOnMemoryBus } from './device-name.js';
import { type DmaFacts, dmaOf } from './dma.js';
import { type Interrupts, interruptMapOf, interruptsOf, type MappedInterrupt } from './interrupt.js';
import { disabledBy, type DtNode, statusOf } from './node.js';
import type { Property } from './property.js';
import { idMapOf, type MapEntry, type Reference, referencesOf } from './reference.js';
import type { DeviceTree } from './tree.js';

/** A node with all that is known of its properties, decoded. What cannot be decoded says why in its place. */
export interface NodeDescription {
  readonly tree: DeviceTree;
  readonly node: DtNode;
  readonly path: string;
  /** What the kernel would call the platform or AMBA device that it makes of the node; undefined where it makes none: `reg` is no place in memory. */
  readonly deviceName?: string;
  readonly label?: string;
  readonly aliases: readonly string[];
  readonly compatible: readonly string[];
  readonly status: string;
  /** The path of the ancestor that is disabled, so that the kernel looks at nothing below it. */
  readonly disabledBy?: string;
  readonly reg?: Reg;
  /** By index of `reg`; undefined where an entry has none. */
  readonly regNames: readonly (string | undefined)[];
  readonly interrupts?: Interrupts;
  readonly interruptMap?: { readonly entries: readonly MappedInterrupt[]; readonly problem?: string };
  readonly references: readonly Reference[];
  /** What `memory-region` sets aside, by the index of the reference: fixed places, or how much the kernel chooses one for. */
  readonly memory: ReadonlyMap<number, { readonly entries: readonly RegEntry[]; readonly size?: bigint }>;
  readonly iommuMap?: readonly MapEntry[];
  readonly msiMap?: readonly MapEntry[];
  readonly dma: DmaFacts;
  /** What its addresses mean above it, where it is a bus. */
  readonly ranges?: Ranges;
  /** What a DMA address of its devices is above it. */
  readonly dmaRanges?: Ranges;
  /** The properties that none of the above comes from. */
  readonly others: readonly Property[];
}

/** Properties that are decoded elsewhere in the description, or say nothing but what the tree needs for itself. */
const decoded: ReadonlySet<string> = new Set([
  'compatible',
  'status',
  'reg',
  'reg-names',
  'interrupts',
  'interrupts-extended',
  'interrupt-names',
  'interrupt-map',
  'interrupt-map-mask',
  'iommu-map',
  'msi-map',
  'dma-coherent',
  'dma-noncoherent',
  'ranges',
  'dma-ranges',
  'phandle',
  'linux,phandle',
]);

export function describeNode(tree: DeviceTree, node: DtNode): NodeDescription {
  const reg = regOf(node);
  const interrupts = interruptsOf(tree, node);
  const references = referencesOf(tree, node);
  const referring = new Set(references.map(({ property }) => property));
  const namesOfReferences = new Set([...referring].map((name) => `${name.replace(/s$/, '')}-names`));
  const label = tree.labelOf(node);
  const disabled = disabledBy(node);
  const iommuMap = idMapOf(tree, node, 'iommu-map');
  const msiMap = idMapOf(tree, node, 'msi-map');
  const isBus = node.property('ranges') !== undefined;
  const isDmaBus = node.property('dma-ranges') !== undefined;
  const interruptMap = interruptMapOf(tree, node);
  return {
    tree,
    node,
    path: node.path,
    ...(isOnMemoryBus(node) && { deviceName: deviceNameOf(node) }),
    ...(label !== undefined && { label }),
    aliases: [...tree.aliases].filter(([, path]) => path === node.path).map(([alias]) => alias),
    compatible: node.property('compatible')?.strings ?? [],
    status: statusOf(node),
    ...(disabled !== undefined && disabled !== node && { disabledBy: disabled.path }),
    ...(reg !== undefined && { reg }),
    regNames: node.property('reg-names')?.strings.map((name) => (name === '' ? undefined : name)) ?? [],
    ...(interrupts !== undefined && { interrupts }),
    ...(interruptMap !== undefined && { interruptMap }),
    references,
    memory: memoryOf(references),
    ...(iommuMap !== undefined && { iommuMap }),
    ...(msiMap !== undefined && { msiMap }),
    dma: dmaOf(node),
    ...(isBus && { ranges: rangesOf(node) }),
    ...(isDmaBus && { dmaRanges: rangesOf(node, 'dma-ranges') }),
    others: node.properties.filter(
      ({ name }) =>
        !decoded.has(name) && !referring.has(name) && !namesOfReferences.has(name) && name !== 'pinctrl-names',
    ),
  };
}

function memoryOf(references: readonly Reference[]): NodeDescription['memory'] {
  return new Map(
    references.flatMap(({ property, index, target }) => {
      if (property !== 'memory-region' || target === undefined) return [];
      const size = target.property('size')?.cells;
      const entries = regOf(target)?.entries ?? [];
      return [[index, { entries, ...(size !== undefined && { size: numberOf(size) }) }]];
    }),
  );
}
