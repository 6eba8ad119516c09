import { cellsBelow } from '../devicetree/address.js';
import { interruptParent } from '../devicetree/interrupt.js';
import { type DtNode, isCompatible, statusOf } from '../devicetree/node.js';
import type { Property } from '../devicetree/property.js';
import { type Reference, referencesIn } from '../devicetree/reference.js';
import type { DeviceTree } from '../devicetree/tree.js';
import type { GuestDescription } from '../profile/description.js';
import { type GuestNode, type GuestProperty, isNodeName, isPropertyName, labelOf, type LeftOut } from './guest-node.js';
import { isDropped, whyNoReference } from './rules.js';

const cellCounts = ['#address-cells', '#size-cells'];

/** Nodes below the device's that go with it, at the most, and bytes of one property. */
const MOST_CHILDREN = 256;
const LARGEST_VALUE = 4096;

/** The device's node and those below it: what of them goes into the guest. */
export class Family {
  readonly #tree: DeviceTree;
  readonly #top: DtNode;
  readonly #symbol: string;
  readonly #left: LeftOut[];
  /** The nodes that go, and the labels of those that others of them refer to. */
  readonly #kept = new Set<DtNode>();
  readonly #labels = new Map<DtNode, string>();

  constructor(tree: DeviceTree, top: DtNode, symbol: string, left: LeftOut[]) {
    this.#tree = tree;
    this.#top = top;
    this.#symbol = symbol;
    this.#left = left;
    this.#labels.set(top, symbol);
    this.#choose();
  }

  /** What is behind the device goes with it; what has addresses of the processor's own is a device of its own. */
  #choose(): void {
    const top = this.#top;
    this.#kept.add(top);
    if (top.property('ranges') !== undefined) {
      for (const child of top.children) this.#drop(child, 'it is a device of its own, with addresses on the bus');
      return;
    }
    const visit = (node: DtNode): void => {
      for (const child of node.children) {
        if (!isNodeName(child.name)) this.#drop(child, 'its name cannot be written');
        else if (statusOf(child) !== 'okay') this.#drop(child, 'it is disabled');
        else if (this.#kept.size > MOST_CHILDREN) {
          this.#drop(child, `there are more than ${MOST_CHILDREN} nodes below the device`);
          return;
        } else {
          this.#kept.add(child);
          visit(child);
        }
      }
    };
    visit(top);
    for (const node of this.#kept) {
      for (const property of node.properties) {
        for (const { target } of referencesIn(this.#tree, node, property.name) ?? []) {
          if (target !== undefined && this.#kept.has(target) && !this.#labels.has(target)) {
            this.#labels.set(target, `${this.#symbol}_${this.#labels.size}_${labelOf(target.name)}`);
          }
        }
      }
    }
  }

  #drop(node: DtNode, why: string): void {
    this.#left.push({ what: node.path.slice(this.#top.path.length).replace(/^\//, ''), why });
  }

  /** How the addresses of what is below are made, where the host's node leaves that to what is above it. */
  cellCounts(): GuestProperty[] {
    const top = this.#top;
    const regs = top.children.flatMap((child) => (this.#kept.has(child) ? (child.property('reg') ?? []) : []));
    const { address, size } = cellsBelow(top);
    const counts = [address, size];
    if (regs.length === 0) return this.#controllerCells(top);
    // Buses of other kinds are often left without, and their drivers know better.
    if (regs.some(({ bytes }) => bytes.length % (4 * (address + size)) !== 0)) return [];
    return cellCounts.flatMap((name, nth) =>
      top.property(name) === undefined ? [{ name, value: `<0x${(counts[nth] ?? 0).toString(16)}>` }] : [],
    );
  }

  #hasAddresses(node: DtNode): boolean {
    return node.children.some((child) => this.#kept.has(child) && child.property('reg') !== undefined);
  }

  /** An interrupt controller whose interrupts have no unit address says so, which a host's node may leave out. */
  #controllerCells(node: DtNode): GuestProperty[] {
    const isSilent =
      node.property('interrupt-controller') !== undefined && node.property('#address-cells') === undefined;
    return isSilent && !this.#hasAddresses(node) ? [{ name: '#address-cells', value: '<0x0>' }] : [];
  }

  childrenOf(node: DtNode, within: string): GuestNode[] {
    return node.children
      .filter((child) => this.#kept.has(child))
      .map((child) => {
        const path = `${within}${child.name}`;
        const label = this.#labels.get(child);
        return {
          name: child.name,
          ...(label !== undefined && { label }),
          properties: this.#childProperties(child, path),
          children: this.childrenOf(child, `${path}/`),
        };
      });
  }

  /** Addresses and interrupts of what is behind the device are the device's own business: they stay where they lead to it. */
  #childProperties(node: DtNode, path: string): GuestProperty[] {
    const own = ['compatible', 'reg', 'reg-names', ...this.#interruptsWithin(node)];
    const plain = own.flatMap((name) => {
      const property = node.property(name);
      return property === undefined ? [] : [{ name, value: this.#references(node, property) ?? property.source }];
    });
    return [...plain, ...this.#controllerCells(node), ...this.propertiesOf(node, `${path}: `, {})];
  }

  #interruptsWithin(node: DtNode): readonly string[] {
    if (node.property('interrupts') === undefined) return [];
    const parent = interruptParent(this.#tree, node);
    return typeof parent !== 'string' && this.#kept.has(parent)
      ? ['interrupts', 'interrupt-names', 'interrupt-parent']
      : [];
  }

  /** The properties that go as they are, and those that refer to nodes that go as well. */
  propertiesOf(
    node: DtNode,
    where: string,
    { keep = [], drop = [], properties = {} }: GuestDescription,
  ): GuestProperty[] {
    const hasAddresses = this.#hasAddresses(node);
    const isController = node.property('interrupt-controller') !== undefined;
    return node.properties.flatMap((property): GuestProperty[] => {
      const { name } = property;
      const leave = (why?: string): [] => {
        if (why !== undefined) this.#left.push({ what: `${where}${isPropertyName(name) ? name : 'a property'}`, why });
        return [];
      };
      if (name === 'compatible' || Object.hasOwn(properties, name)) return [];
      if (drop.includes(name)) return leave();
      const dropped = keep.includes(name) ? undefined : isDropped(name);
      if (dropped !== undefined) return leave(dropped.why);
      if (cellCounts.includes(name) && !hasAddresses && !(isController && name === '#address-cells')) return [];
      if (name === 'clocks' && node === this.#top) return [];
      if (!isPropertyName(name)) return leave('its name cannot be written');
      if (property.bytes.length > LARGEST_VALUE) return leave(`it has ${property.bytes.length} bytes`);
      const references = referencesIn(this.#tree, node, name);
      if (references === undefined) return [{ name, value: property.source, ...this.#doubt(property) }];
      const value = this.#references(node, property);
      return value === undefined ? leave(whyNoReference(name, targetsOf(references))) : [{ name, value }];
    });
  }

  /** References to nodes that go as well, by their labels; undefined where one leads elsewhere, or there are none. */
  #references(node: DtNode, { name }: Property): string | undefined {
    const references = referencesIn(this.#tree, node, name);
    if (references === undefined || references.length === 0) return undefined;
    const parts = references.map(({ target, cells, problem }) => {
      const label = target === undefined || problem !== undefined ? undefined : this.#labels.get(target);
      return label === undefined
        ? undefined
        : [`&${label}`, ...cells.map((cell) => `0x${cell.toString(16)}`)].join(' ');
    });
    return parts.includes(undefined) ? undefined : `<${parts.join(' ')}>`;
  }

  /** A vendor's property may refer to a node without anybody here knowing. */
  #doubt({ name, cells, isCells, isText }: Property): { comment: string } | undefined {
    const [first] = cells;
    if (!name.includes(',') || !isCells || isText || first === undefined || first === 0) return undefined;
    const target = this.#tree.byPhandle(first);
    if (target === undefined || !isCompatible(target, 'syscon')) return undefined;
    return { comment: `may refer to ${target.path} of the host: leave it out if it does` };
  }
}

function targetsOf(references: readonly Reference[]): string[] {
  return [...new Set(references.flatMap(({ target }) => (target === undefined ? [] : [target.path])))].slice(0, 4);
}
