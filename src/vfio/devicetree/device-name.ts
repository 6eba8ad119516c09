import { firstAddress, regOf } from './address.js';
import { baseName, type DtNode, nodesUnder } from './node.js';
import type { DeviceTree } from './tree.js';

/**
 * What the kernel calls the platform or AMBA device that it makes of a node: the address that the processor sees and the node's name
 * ('fe101300.dma'), or the names on the way up to a node that has such an address ('soc:timer'). Source: drivers/of/platform.c,
 * of_device_make_bus_id().
 */
export function deviceNameOf(node: DtNode): string {
  let name = '';
  for (let at = node; at.parent !== undefined; at = at.parent) {
    const address = firstAddress(at);
    if (address !== undefined) {
      const place = `${address.toString(16)}.${maskOf(at)}${baseName(at)}`;
      return name === '' ? place : `${place}:${name}`;
    }
    name = name === '' ? at.name : `${at.name}:${name}`;
  }
  return name;
}

/**
 * Whether a node lies where platform and AMBA devices do: what is on I2C, SPI or PCI is a device of that bus, with a name from there, and the root is
 * none.
 */
export function isOnMemoryBus(node: DtNode): boolean {
  const [first] = regOf(node, 1)?.entries ?? [];
  return (
    node.parent !== undefined && (first === undefined || (first.size !== undefined && first.bus.pci === undefined))
  );
}

/** Nodes that share a register tell which bit of it is theirs: its number is part of the name. */
function maskOf(node: DtNode): string {
  const mask = node.property('mask')?.u32;
  return mask === undefined ? '' : `${(31 - Math.clz32(mask & -mask)).toString(16)}.`;
}

/** The node that becomes the device of that name; undefined where none does. */
export function nodeNamed(tree: DeviceTree, device: string): DtNode | undefined {
  for (const node of nodesUnder(tree.root)) {
    if (node.parent !== undefined && canBe(node, device) && deviceNameOf(node) === device) return node;
  }
  return undefined;
}

/** Whether the name of the node appears where it must in the device's: translating every address of a tree takes a while. */
function canBe(node: DtNode, device: string): boolean {
  return device.endsWith(`.${baseName(node)}`) || device === node.name || device.endsWith(`:${node.name}`);
}
