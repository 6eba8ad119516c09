import { type BusDevice, findDevice } from '../vfio/bus/bus-device.js';
import { attachmentOf, busDeviceOf } from '../vfio/devicetree/attach.js';
import { nodeNamed } from '../vfio/devicetree/device-name.js';
import { readTreeFile } from '../vfio/devicetree/file.js';
import { liveTree } from '../vfio/devicetree/folder.js';
import { lookUp } from '../vfio/devicetree/lookup.js';
import type { DtNode } from '../vfio/devicetree/node.js';
import { nodeOfDevice } from '../vfio/devicetree/of-node.js';
import type { DeviceTree } from '../vfio/devicetree/tree.js';
import type { Device } from '../vfio/device.js';
import { VfioError } from '../vfio/errors.js';
import { givenTree } from './device-node.js';
import type { Session } from './session.js';

/** What `dt` was asked about: a node, with the device that it is of as far as there is one. */
export interface Subject {
  readonly tree: DeviceTree;
  readonly node: DtNode;
  /** The device above whose node it is, where the one asked about has none of its own. */
  readonly of?: string;
  readonly bus?: BusDevice;
  readonly open?: Device;
}

/** The tree that a command looks into: that of --dtb, of the option dtb, or the kernel's; undefined where the kernel has none. */
export async function treeFor(session: Session, path: string | undefined): Promise<DeviceTree | undefined> {
  return path === undefined ? ((await givenTree(session)) ?? liveTree(session.roots)) : readTreeFile(path);
}

export function requireTree(tree: DeviceTree | undefined): DeviceTree {
  if (tree !== undefined) return tree;
  throw new VfioError({
    kind: 'absent',
    operation: 'look into the device tree',
    why: 'the running kernel has none (no /sys/firmware/devicetree/base): the machine is described by ACPI, or not at all',
    hint: '--dtb FILE gives a blob',
  });
}

/** What `text` is about, a device of this machine first; the open device where nothing is said. Undefined: there is no node, but ACPI may know. */
export function subjectOf(
  session: Session,
  tree: DeviceTree | undefined,
  text: string | undefined,
  isGiven: boolean,
): Subject | BusDevice {
  const { roots } = session;
  const open = text === undefined ? session.requireDevice() : session.devices.find(({ name }) => name === text);
  if (open !== undefined) return subjectOfOpen(session, tree, open, isGiven);
  const bus = text === undefined || text.startsWith('/') ? undefined : knownDevice(session, text);
  if (bus !== undefined && !isGiven) {
    const found = tree === undefined ? undefined : nodeOfDevice(tree, bus, roots);
    return tree === undefined || found === undefined ? bus : { tree, bus, ...found };
  }
  const node = lookUp(requireTree(tree), text ?? '', roots);
  const device = session.devices.find((one) => isNodeOf(one, requireTree(tree), node));
  return { tree: requireTree(tree), node, ...(device !== undefined && { open: device }) };
}

function subjectOfOpen(
  session: Session,
  tree: DeviceTree | undefined,
  open: Device,
  isGiven: boolean,
): Subject | BusDevice {
  const attachment = attachmentOf(open);
  const bus = busDeviceOf(open, session.roots);
  const about = bus === undefined ? { open } : { open, bus };
  if (attachment !== undefined && (!isGiven || attachment.tree.origin === tree?.origin))
    return { tree: attachment.tree, node: attachment.node, ...about };
  if (isGiven) {
    const node = nodeNamed(requireTree(tree), open.name);
    if (node !== undefined) return { tree: requireTree(tree), node, ...about };
    throw new VfioError({
      kind: 'absent',
      operation: `find the node of ${open.name}`,
      why: `no node of ${tree?.origin ?? ''} becomes a device of that name`,
      hint: 'dt use NODE says which it is; dt tree lists them',
    });
  }
  const found = bus === undefined || tree === undefined ? undefined : nodeOfDevice(tree, bus, session.roots);
  if (found !== undefined && tree !== undefined) return { tree, ...found, ...about };
  if (bus !== undefined) return bus;
  throw new VfioError({
    kind: 'absent',
    operation: `find the node of ${open.name}`,
    why: 'it is no device of this machine, so nothing says which node is its',
    hint: 'dt use NODE --dtb FILE says which it is; dt NODE shows any other',
  });
}

export function isNodeOf(device: Device, tree: DeviceTree, node: DtNode): boolean {
  const attachment = attachmentOf(device);
  return attachment?.node.path === node.path && attachment.tree.origin === tree.origin;
}

function knownDevice(session: Session, text: string): BusDevice | undefined {
  try {
    return findDevice(text, session.roots);
  } catch (error) {
    if (error instanceof VfioError && error.kind === 'absent') return undefined;
    throw error;
  }
}
