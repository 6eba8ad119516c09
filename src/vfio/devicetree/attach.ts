import { join } from 'node:path';
import { type BusDevice, busNames, describeDevice, devicesPath } from '../bus/bus-device.js';
import type { Roots } from '../bus/roots.js';
import { attribute, exists } from '../bus/sysfs.js';
import type { Device } from '../device.js';
import { VfioError } from '../errors.js';
import { regOf } from './address.js';
import { nodeNamed } from './device-name.js';
import { liveTree } from './folder.js';
import { type DeviceFacts, matchDevice, type Matching } from './match.js';
import type { DtNode } from './node.js';
import { nodeOfDevice } from './of-node.js';
import { resourcesOf, vfioIrqs } from './resource.js';
import { interruptsOf } from './interrupt.js';
import type { DeviceTree } from './tree.js';
import { powerWarnings, type Warning } from './warning.js';

/** A name that the tree gave to a region or an interrupt. */
export interface GivenName {
  /** 'region0', 'irq1'. */
  readonly of: string;
  /** As it is used here. */
  readonly name: string;
  /** As the tree has it, where that cannot be used as it is, and why. */
  readonly written?: string;
  readonly why?: string;
}

/** An open device with its node: what it is called there, and what there is to warn of. */
export interface Attachment {
  readonly tree: DeviceTree;
  readonly node: DtNode;
  readonly names: readonly GivenName[];
  readonly warnings: readonly Warning[];
  /** Takes the names away again. */
  detach(): void;
}

const attachments = new WeakMap<Device, Attachment>();

/** The node that an open device was attached to. */
export function attachmentOf(device: Device): Attachment | undefined {
  return attachments.get(device);
}

/** What sysfs knows of an open device; undefined for one that no kernel here drives (simulated, served, a snapshot). */
export function busDeviceOf(device: Device, roots: Roots): BusDevice | undefined {
  if (device.via !== 'group' && device.via !== 'cdev') return undefined;
  const bus = busNames.find((one) => exists(join(devicesPath(one, roots), device.name)));
  return bus === undefined ? undefined : describeDevice(bus, device.name, roots);
}

/**
 * Attaches a device that was just opened to its node: of `tree` by its name, else of the running kernel by its link in sysfs. Reads the few
 * properties that this takes, and touches no hardware. Undefined where there is no node.
 */
export function attachByName(device: Device, roots: Roots, tree?: DeviceTree): Attachment | undefined {
  if (tree !== undefined) {
    const node = nodeNamed(tree, device.name);
    return node === undefined ? undefined : attach(device, tree, node, roots);
  }
  const bus = busDeviceOf(device, roots);
  const live = bus === undefined || bus.bus === 'pci' ? undefined : liveTree(roots);
  if (bus === undefined || live === undefined) return undefined;
  const found = nodeOfDevice(live, bus, roots);
  return found === undefined || found.of !== undefined ? undefined : attach(device, live, found.node, roots);
}

/** Takes `node` as the device's: its reg-names and interrupt-names become names of regions and interrupts, in place of those given before. */
export function attach(device: Device, tree: DeviceTree, node: DtNode, roots: Roots): Attachment {
  attachments.get(device)?.detach();
  const removals: (() => void)[] = [];
  // PCI has BARs and vectors of its own: entry 0 of such a node's reg is its config space.
  const names = device.isPci ? [] : [...nameRegions(device, node, removals), ...nameInterrupts(device, node, removals)];
  const path = busDeviceOf(device, roots)?.path;
  const runtime = path === undefined ? undefined : attribute(join(path, 'power/runtime_status'));
  const facts = { bus: device.info.bus, ...(runtime !== undefined && { runtime }) };
  const attachment: Attachment = {
    tree,
    node,
    names,
    warnings: powerWarnings(tree, node, facts),
    detach() {
      for (const remove of removals.splice(0)) remove();
      if (attachments.get(device) === attachment) attachments.delete(device);
    },
  };
  attachments.set(device, attachment);
  return attachment;
}

/** How the device's regions and interrupts match its node, with all the evidence that this machine has. */
export function matchingOf(device: Device, tree: DeviceTree, node: DtNode, roots: Roots): Matching {
  return matchDevice(factsOf(device, roots), regOf(node), interruptsOf(tree, node)?.entries ?? []);
}

function factsOf(device: Device, roots: Roots): DeviceFacts {
  const bus = busDeviceOf(device, roots);
  return {
    name: device.name,
    bus: device.info.bus,
    regions: device.regions.map(({ index, size }) => ({ index, size })),
    irqs: [...device.irqs].map(({ index, info }) => ({ index, automasked: info.automasked })),
    resources: bus === undefined ? [] : resourcesOf(bus, roots),
    linuxIrqs: bus === undefined ? [] : vfioIrqs(bus, roots),
  };
}

function nameRegions(device: Device, node: DtNode, removals: (() => void)[]): GivenName[] {
  const written = node.property('reg-names')?.strings ?? [];
  if (written.every((name) => name === '')) return [];
  // The kernel's own evidence is for `dt`: to be opened a device needs no more than what VFIO says and the order of the tree.
  const facts = { name: device.name, bus: device.info.bus, resources: [], linuxIrqs: [], irqs: [] };
  const regions = device.regions.map(({ index, size }) => ({ index, size }));
  const matches = matchDevice({ ...facts, regions }, regOf(node), []).regions;
  return matches.flatMap(({ index, entry }) => {
    // A size alone is too little to call a region something: it would be written to by that name.
    const name = entry === index ? written[entry] : undefined;
    const region = device.regions.find((one) => one.index === index);
    if (name === undefined || name === '' || region === undefined) return [];
    return [give(region.name, index, name, reservedSpace, (each) => device.nameRegion(region, each), removals)];
  });
}

function nameInterrupts(device: Device, node: DtNode, removals: (() => void)[]): GivenName[] {
  const written = node.property('interrupt-names')?.strings ?? [];
  return [...device.irqs].flatMap((irq) => {
    const name = written[irq.index];
    if (name === undefined || name === '') return [];
    return [give(irq.name, irq.index, name, reservedIrq, (each) => device.irqs.nameIrq(irq, each), removals)];
  });
}

/** Names that the language has for spaces of its own. */
const reservedSpace = /^(?:config|rom|vga|iova|(?:region|bar)\d+)$/;
const reservedIrq = /^irq\d+$/;

/** Gives a name, changed where it must be to be typed and told from others: what is no letter is '_', and a name that is taken gets its number. */
function give(
  of: string,
  index: number,
  written: string,
  reserved: RegExp,
  assign: (name: string) => () => void,
  removals: (() => void)[],
): GivenName {
  const typed = written.replace(/[^A-Za-z0-9_-]/g, '_').replace(/^(?=[^A-Za-z_])/, '_');
  const changes = typed === written ? undefined : 'it cannot be typed as it is written';
  if (typed === of) return { of, name: of };
  let why = reserved.test(typed) ? 'the language has a space or interrupt of that name' : undefined;
  for (const name of why === undefined ? [typed, `${typed}_${index}`] : [`${typed}_${index}`]) {
    try {
      removals.push(assign(name));
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      why ??= error.details.why;
      continue;
    }
    const because = why ?? changes;
    return { of, name, ...(name !== written && { written }), ...(because !== undefined && { why: because }) };
  }
  return { of, name: of, written, why: why ?? 'the name is taken' };
}
