import { regOf } from '../devicetree/address.js';
import { type Interrupt, interruptsOf } from '../devicetree/interrupt.js';
import type { Trigger } from '../devicetree/interrupt-controller.js';
import type { Matching } from '../devicetree/match.js';
import { baseName, type DtNode } from '../devicetree/node.js';
import type { DeviceTree } from '../devicetree/tree.js';
import type { GuestDescription } from '../profile/description.js';
import { guestClocks } from './clocks.js';
import { Family } from './family.js';
import {
  type GuestDevice,
  type GuestInterrupt,
  type GuestProperty,
  type GuestRegion,
  isNodeName,
  isPropertyName,
  labelOf,
  type LeftOut,
} from './guest-node.js';
import { textOf, valueOf } from './value.js';

export interface GuestRequest {
  readonly tree: DeviceTree;
  readonly node: DtNode;
  /** What the profile of this kind of device says. */
  readonly guest: GuestDescription;
  /** The label of the node; by default the one that it has, or its name. */
  readonly symbol?: string;
  /** How VFIO's regions and interrupts match the node, for an open device: their order is the monitor's. */
  readonly matching?: Matching;
  readonly sizes?: readonly { readonly index: number; readonly size: number }[];
  /** An AMBA device has one region, whatever its node says. */
  readonly isAmba: boolean;
}

/** What a guest's tree says of a device. Nothing of a tree's text gets past here that could not be written in a source. */
export function guestDevice(request: GuestRequest): GuestDevice {
  const { tree, node, guest } = request;
  const left: LeftOut[] = [];
  const symbol = labelOf(request.symbol ?? tree.labelOf(node) ?? baseName(node));
  const regions = regionsOf(request, left);
  const clocks = guestClocks(tree, node, guest, symbol);
  left.push(...clocks.left);
  const family = new Family(tree, node, symbol, left);
  const properties = [
    ...compatibleOf(node, guest),
    ...clocks.properties,
    ...family.propertiesOf(node, '', guest),
    ...family.cellCounts(),
    ...setProperties(guest),
  ];
  const address = regions[0]?.address;
  const base = isNodeName(baseName(node)) ? baseName(node) : 'device';
  return {
    path: node.path,
    origin: tree.origin,
    symbol,
    name: address === undefined ? base : `${base}@${address.toString(16)}`,
    regions,
    interrupts: guestInterrupts(request, left),
    clocks: clocks.clocks,
    properties,
    children: family.childrenOf(node, ''),
    left,
    notes: guest.notes ?? [],
  };
}

function compatibleOf(node: DtNode, guest: GuestDescription): GuestProperty[] {
  const names = guest.compatible ?? node.property('compatible')?.strings ?? [];
  return names.length === 0 ? [] : [{ name: 'compatible', value: textOf(names) }];
}

function setProperties({ properties = {} }: GuestDescription): GuestProperty[] {
  return Object.entries(properties)
    .filter(([name]) => isPropertyName(name))
    .map(([name, value]) => ({ name, value: valueOf(value) }));
}

/** The device's memory in the order of VFIO's regions, which is the one that a monitor gives it in. */
function regionsOf({ node, matching, sizes = [], isAmba }: GuestRequest, left: LeftOut[]): GuestRegion[] {
  const entries = regOf(node)?.entries ?? [];
  const names = node.property('reg-names')?.strings ?? [];
  const region = (index: number | undefined, size: bigint): GuestRegion => {
    const entry = index === undefined ? undefined : entries[index];
    const name = index === undefined ? undefined : names[index];
    return {
      size: entry?.size ?? size,
      ...(name !== undefined && name !== '' && { name }),
      ...(entry !== undefined && 'cpu' in entry.translated && { address: entry.translated.cpu }),
    };
  };
  if (matching !== undefined) {
    for (const { entry, why } of matching.unmatchedRegs) left.push({ what: `entry ${entry} of reg`, why });
    return matching.regions.map(({ index, entry }) =>
      region(entry, BigInt(sizes.find((one) => one.index === index)?.size ?? 0)),
    );
  }
  // The kernel makes resources of the entries in their order, up to the first that it cannot translate.
  const broken = entries.findIndex(({ translated }) => !('cpu' in translated));
  const usable = entries.slice(0, isAmba ? 1 : broken < 0 ? entries.length : broken);
  for (const { index } of entries.slice(usable.length)) {
    left.push({
      what: `entry ${index} of reg`,
      why: isAmba ? 'an AMBA device has one region' : 'the kernel cannot translate it',
    });
  }
  return usable.map(({ index, size }) => region(index, size ?? 0n));
}

/** What the trigger is for a GIC, whose shared interrupts are edges that rise, or levels that are high. */
const triggers: Readonly<Record<Trigger, GuestInterrupt['flags']>> = {
  'edge rising': 1,
  'edge falling': 1,
  'edge both': 1,
  'level high': 4,
  'level low': 4,
};

function guestInterrupts({ tree, node, matching }: GuestRequest, left: LeftOut[]): GuestInterrupt[] {
  const found = interruptsOf(tree, node)?.entries ?? [];
  const order = matching?.irqs.map(({ entry }) => entry) ?? found.map(({ index }) => index);
  for (const { entry, why } of matching?.unmatchedInterrupts ?? []) left.push({ what: `interrupt ${entry}`, why });
  return order.map((index) => {
    const one = index === undefined ? undefined : found[index];
    const spi = one === undefined ? undefined : sharedNumber(tree, one);
    return {
      flags: triggers[one?.decoded?.trigger ?? 'level high'],
      ...(one?.name !== undefined && { name: one.name }),
      ...(spi !== undefined && { spi }),
    };
  });
}

/** The number of a shared interrupt of a GIC: type 0 in the first of its cells. */
function sharedNumber(tree: DeviceTree, { controller, cells, mapped, decoded }: Interrupt): number | undefined {
  const [type, number] = mapped ?? cells;
  const holder = controller === undefined ? undefined : tree.find(controller);
  const isGic = holder !== undefined && decoded?.text.startsWith('SPI ') === true;
  return isGic && type === 0 ? number : undefined;
}
