import { realpathSync } from 'node:fs';
import type { BusDevice } from '../bus/bus-device.js';
import { isPciBus, rangesOf, upwards } from './address.js';
import { type Interrupt, pinInterrupt } from './interrupt.js';
import type { DtNode } from './node.js';
import { idMapOf, type MapEntry } from './reference.js';
import type { Resource } from './resource.js';
import type { DeviceTree } from './tree.js';

/** What the node of a host bridge means for one PCI device behind it. Nothing of it is asked of the device. */
export interface PciFacts {
  /** Bus, device and function as DMA carries them. */
  readonly requester: number;
  /** The IOMMU and the MSI controller, with the ID that the device has there; what is wrong, where there is none. */
  readonly iommu?: TranslatedId;
  readonly msi?: TranslatedId;
  /** Each BAR, with the entry of the bridge's `ranges` that it lies in. */
  readonly bars: readonly Bar[];
  /** INTA to INTD, as the bridge's interrupt-map has them for this device. */
  readonly pins: readonly Omit<Interrupt, 'index' | 'name'>[];
}

export interface TranslatedId {
  readonly target?: string;
  readonly id?: number;
  readonly problem?: string;
}

export interface Bar {
  /** VFIO's index of the region. */
  readonly region: number;
  readonly start: bigint;
  readonly size: bigint;
  /** 'memory 32', 'I/O'; undefined where it lies in none of the windows. */
  readonly window?: string;
}

/** The last VFIO index of a BAR; the ROM is next. */
const LAST_BAR = 5;

/** `node` is the host bridge's, or that of a device somewhere below it. */
export function pciFacts(tree: DeviceTree, node: DtNode, device: BusDevice, resources: readonly Resource[]): PciFacts {
  const bridge = hostBridge(node);
  const requester = requesterOf(device.name);
  const iommu = translatedId(tree, bridge, 'iommu-map', requester);
  const msi = translatedId(tree, bridge, 'msi-map', requester);
  return {
    requester,
    ...(iommu !== undefined && { iommu }),
    ...(msi !== undefined && { msi }),
    bars: barsOf(bridge, resources),
    pins: pinsOf(tree, bridge, device),
  };
}

/** The bridge on top of a PCI node: the last one whose bus is PCI. */
function hostBridge(node: DtNode): DtNode {
  let bridge = node;
  while (bridge.parent !== undefined && isPciBus(bridge.parent)) bridge = bridge.parent;
  return bridge;
}

/** The requester ID of '0000:01:02.3': bus, device and function. */
export function requesterOf(name: string): number {
  const [, bus = '0', slot = '0', fn = '0'] = /:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/.exec(name) ?? [];
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(slot, 16) << 3) | Number(fn);
}

function translatedId(
  tree: DeviceTree,
  bridge: DtNode,
  name: 'iommu-map' | 'msi-map',
  requester: number,
): TranslatedId | undefined {
  const map = idMapOf(tree, bridge, name);
  if (map === undefined) return undefined;
  const masked = requester & (bridge.property(`${name}-mask`)?.u32 ?? 0xffff);
  const entry = map.find(({ first, length }) => masked >= first && masked - first < length);
  if (entry === undefined) return { problem: `no entry of ${name} holds 0x${masked.toString(16)}` };
  return idIn(entry, masked);
}

function idIn({ target, first, output, problem }: MapEntry, masked: number): TranslatedId {
  return target === undefined
    ? { ...(problem !== undefined && { problem }) }
    : { target: target.path, id: output + masked - first };
}

function barsOf(bridge: DtNode, resources: readonly Resource[]): Bar[] {
  const above = bridge.parent;
  const windows =
    above === undefined
      ? []
      : rangesOf(bridge).entries.map(({ child, parent, size }) => ({
          space: child.pci?.space,
          size,
          place: upwards(above, parent, size, 'ranges'),
        }));
  return resources
    .filter(({ index }) => index <= LAST_BAR)
    .map(({ index, start, size }) => {
      const window = windows.find(
        ({ place, size: bytes }) => 'cpu' in place && start >= place.cpu && start + size <= place.cpu + bytes,
      )?.space;
      return { region: index, start, size, ...(window !== undefined && { window }) };
    });
}

/** The pins of a device, seen from the host bridge: each bridge in between swaps them by the number of the device below it. */
function pinsOf(tree: DeviceTree, bridge: DtNode, device: BusDevice): Omit<Interrupt, 'index' | 'name'>[] {
  const [top, ...below] = functionsAbove(device);
  if (top === undefined) return [];
  const swaps = below.reduce((sum, devfn) => sum + (devfn >> 3), 0);
  return [1, 2, 3, 4].flatMap((pin) => pinInterrupt(tree, bridge, top, ((pin - 1 + swaps) % 4) + 1) ?? []);
}

/** Device and function of each bridge on the way from the root bus to the device, and its own, from the top. */
function functionsAbove(device: BusDevice): number[] {
  let path: string;
  try {
    path = realpathSync(device.path);
  } catch {
    return [];
  }
  return [...path.matchAll(/\/[0-9a-f]{4,}:[0-9a-f]{2}:([0-9a-f]{2})\.([0-7])(?=\/|$)/g)].map(
    ([, slot = '0', fn = '0']) => (Number.parseInt(slot, 16) << 3) | Number(fn),
  );
}
