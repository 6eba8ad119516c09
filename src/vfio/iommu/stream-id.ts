import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BusDevice } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import { attribute, exists, linkTarget } from '../bus/sysfs.js';
import { iortStreamIds } from './iort.js';
import { unitOf } from './unit.js';

/** The stream IDs by which an SMMU knows a device. */
export interface StreamIds {
  /** The SMMU, as the kernel's log names it: '9050000.smmuv3'. */
  readonly reporter: string;
  readonly ids: readonly number[];
}

/**
 * The stream IDs of a device. From the device tree: its own `iommus`, or the `iommu-map` of the PCI host bridge that it is
 * behind; from ACPI: the table IORT, which only root may read. Undefined where neither tells.
 * Source: Documentation/devicetree/bindings/iommu/iommu.txt, pci/pci-iommu.txt.
 */
export function streamIdsOf(device: BusDevice, roots: Roots): StreamIds | undefined {
  const smmu = join(device.path, 'iommu/device');
  const reporter = linkTarget(smmu);
  if (reporter === undefined) return undefined;
  const phandle = cells(join(smmu, 'of_node/phandle'))?.[0];
  const ids = phandle === undefined ? fromAcpi(device, roots) : fromTree(device, smmu, phandle);
  return ids === undefined ? undefined : { reporter, ids };
}

function fromTree(device: BusDevice, smmu: string, phandle: number): number[] | undefined {
  return device.bus === 'pci' ? mapped(device, phandle) : listed(device, smmu, phandle);
}

function fromAcpi(device: BusDevice, roots: Roots): number[] | undefined {
  const address = unitOf(device)?.address;
  const table = bytesOf(join(roots.sys, 'firmware/acpi/tables/IORT'));
  if (address === undefined || table === undefined) return undefined;
  if (device.bus === 'pci') {
    const segment = Number.parseInt(device.name, 16);
    return iortStreamIds(table, { bus: 'pci', segment, requester: requesterOf(device) }, address);
  }
  const path = attribute(join(device.path, 'firmware_node/path'));
  return path === undefined ? undefined : iortStreamIds(table, { bus: 'acpi', path }, address);
}

/** The requester ID of a PCI device: bus, device and function. */
function requesterOf({ name }: BusDevice): number {
  const [, bus = '0', slot = '0', fn = '0'] = /:([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])$/.exec(name) ?? [];
  return (Number.parseInt(bus, 16) << 8) | (Number.parseInt(slot, 16) << 3) | Number(fn);
}

/** `iommus` = <&smmu ID ...>...: the first cell behind the phandle is the ID, on SMMUv2 without the mask in its upper half. */
function listed(device: BusDevice, smmu: string, phandle: number): number[] | undefined {
  const list = cells(join(device.path, 'of_node/iommus'));
  if (list === undefined) return undefined;
  const count = cells(join(smmu, 'of_node/#iommu-cells'))?.[0] ?? 1;
  const isV2 = linkTarget(join(device.path, 'iommu'))?.startsWith('smmu.') === true;
  const ids: number[] = [];
  for (let at = 0; at + count < list.length; at += 1 + count) {
    if (list[at] !== phandle || count === 0) continue;
    const id = list[at + 1] ?? 0;
    ids.push(isV2 ? id & 0xffff : id);
  }
  return ids;
}

/** `iommu-map` = <rid-base &smmu id-base length>... of the host bridge, `iommu-map-mask` for the requester ID. */
function mapped(device: BusDevice, phandle: number): number[] | undefined {
  const node = hostBridgeNode(device.path);
  const map = node === undefined ? undefined : cells(join(node, 'iommu-map'));
  if (node === undefined || map === undefined) return undefined;
  const masked = requesterOf(device) & (cells(join(node, 'iommu-map-mask'))?.[0] ?? 0xffff);
  for (let at = 0; at + 3 < map.length; at += 4) {
    const [base = 0, target, id = 0, length = 0] = map.slice(at, at + 4);
    if (target === phandle && masked >= base && masked < base + length) return [masked - base + id];
  }
  return [];
}

/** The device-tree node above the device that has an iommu-map. */
function hostBridgeNode(path: string): string | undefined {
  let folder: string;
  try {
    folder = realpathSync(path);
  } catch {
    return undefined;
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const node = join(folder, 'of_node');
    if (exists(join(node, 'iommu-map'))) return node;
  }
  return undefined;
}

/** The 32-bit big-endian cells of a device-tree property. */
function cells(path: string): number[] | undefined {
  const bytes = bytesOf(path);
  return bytes === undefined
    ? undefined
    : Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readUInt32BE(4 * index));
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
