import { basename } from 'node:path';
import { type BusDevice, canonicalAddress, findDevice } from '../../vfio/bus/bus-device.js';
import { groupMembers } from '../../vfio/bus/iommu-group.js';
import { busDeviceOf, matchingOf } from '../../vfio/devicetree/attach.js';
import { isPciBus } from '../../vfio/devicetree/address.js';
import { deviceNameOf, isOnMemoryBus } from '../../vfio/devicetree/device-name.js';
import { type DtNode, isCompatible } from '../../vfio/devicetree/node.js';
import type { Device } from '../../vfio/device.js';
import { VfioError } from '../../vfio/errors.js';
import { crosvmCommands, crosvmOverlay } from '../../vfio/guest/crosvm.js';
import { guestDevice } from '../../vfio/guest/guest-device.js';
import type { GuestDevice } from '../../vfio/guest/guest-node.js';
import { crosvmPci, type PciLines, qemuPci, qemuSocket } from '../../vfio/guest/pci.js';
import { qemuPlatform, qemuPlatformCommand } from '../../vfio/guest/qemu.js';
import { commentsOfShell } from '../../vfio/guest/shell.js';
import type { GuestDescription } from '../../vfio/profile/description.js';
import { profileFor } from '../../vfio/profile/for-identity.js';
import type { View } from '../../views/view.js';
import { choice, file, optional, text } from '../arguments.js';
import { treeNode } from '../arguments/tree-node.js';
import { type Context, defineCommand } from '../command.js';
import { KERNELS_TREE } from '../kernels-tree.js';
import type { Session } from '../session.js';
import { treeForTab } from '../tree-for-tab.js';
import { type Subject, subjectOf, treeFor } from '../tree-subject.js';
import { UsageError } from '../usage-error.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

const monitors = ['crosvm', 'qemu'] as const;
type Monitor = (typeof monitors)[number];

/** What there is to export: the text of a file, what to run, and what --json says. */
interface Exported {
  readonly text: string;
  readonly commands: readonly string[];
  readonly data: object;
}

interface Wanted {
  readonly monitor: Monitor;
  readonly symbol: string | undefined;
  /** The name of the file, for the commands that use it. */
  readonly file: string | undefined;
}

async function exported(
  session: Session,
  wanted: Wanted,
  which: string | undefined,
  dtb: string | undefined,
): Promise<Exported> {
  const open = which === undefined ? session.requireDevice() : session.devices.find(({ name }) => name === which);
  const pci =
    open === undefined ? pciDevice(session, which ?? '') : open.isPci ? busDeviceOf(open, session.roots) : undefined;
  if (pci !== undefined) return pciLines(session, pci, wanted);
  if (open?.isPci === true) return socketLines(open, wanted);
  const isGiven = dtb !== undefined || session.options.get('dtb') !== KERNELS_TREE;
  const subject = subjectOf(session, await treeFor(session, dtb), which, isGiven);
  if (!('tree' in subject) || subject.of !== undefined) {
    throw new VfioError({
      kind: 'absent',
      operation: `export ${('tree' in subject ? subject.bus?.name : subject.name) ?? ''}`,
      why: 'no node of the device tree is its own',
      hint: '--dtb FILE gives a tree that has one; ACPI devices have none',
    });
  }
  return platformNode(session, subject, wanted);
}

/** The PCI device of that address, if it is one. */
function pciDevice(session: Session, address: string): BusDevice | undefined {
  if (!/^[0-9a-f:]+\.[0-7]$/i.test(canonicalAddress(address))) return undefined;
  const found = findDevice(address, session.roots);
  return found.bus === 'pci' ? found : undefined;
}

function pciLines(session: Session, { name, path, vfioDev, iommuGroup }: BusDevice, { monitor }: Wanted): Exported {
  const others = iommuGroup === undefined ? [] : groupMembers(iommuGroup, session.roots).filter((one) => one !== name);
  const device = {
    address: name,
    sysfs: path,
    others,
    ...(vfioDev !== undefined && { vfioDev }),
    ...(iommuGroup !== undefined && { group: iommuGroup }),
  };
  return linesOnly(name, monitor, monitor === 'qemu' ? qemuPci(device) : crosvmPci(device));
}

/** A device behind a socket: QEMU has a client for it. */
function socketLines(device: Device, { monitor }: Wanted): Exported {
  const refuse = (why: string, hint: string): VfioError =>
    new VfioError({ kind: 'unsupported', operation: `export ${device.name}`, why, hint });
  if (device.via === 'snapshot') throw refuse('a snapshot is no device', 'open the device itself');
  if (monitor === 'crosvm') throw refuse('crosvm has no vfio-user client', 'dt export --for qemu');
  const model = device.name.startsWith('sim:') ? device.name : undefined;
  if (model === undefined) return linesOnly(device.name, monitor, qemuSocket(device.name));
  const socket = `/tmp/${model.slice(4)}.sock`;
  const { commands, notes } = qemuSocket(socket);
  return linesOnly(model, monitor, { notes, commands: [`vfiodbg serve ${model} --socket ${socket}`, ...commands] });
}

function linesOnly(device: string, monitor: Monitor, { commands, notes }: PciLines): Exported {
  return {
    text: commentsOfShell(`${device} for a guest of ${monitor}`, commands, notes),
    commands,
    data: { for: monitor, device, commands, notes },
  };
}

async function platformNode(session: Session, subject: Subject, wanted: Wanted): Promise<Exported> {
  const { tree, node, open, bus } = subject;
  // What VFIO has is a device, whatever its node says.
  const reason = isPciBus(node) ? hostBridge : bus === undefined && open === undefined ? noDevice(node) : undefined;
  if (reason !== undefined) throw new VfioError({ kind: 'unsupported', operation: `export ${node.path}`, ...reason });
  const name = bus?.name ?? deviceNameOf(node);
  const isAmba = (bus?.bus ?? open?.info.bus) === 'amba' || isCompatible(node, 'arm,primecell');
  const device = guestDevice({
    tree,
    node,
    isAmba,
    guest: await guestOf(subject, name, isAmba),
    ...(wanted.symbol !== undefined && { symbol: wanted.symbol }),
    ...(open !== undefined && {
      matching: matchingOf(open, tree, node, session.roots),
      sizes: open.regions.map(({ index, size }) => ({ index, size })),
    }),
  });
  const compatible = node.property('compatible')?.strings ?? [];
  if (wanted.monitor === 'qemu') {
    const commands = [qemuPlatformCommand(name, compatible)];
    return {
      text: qemuPlatform(device, name, compatible, isAmba),
      commands,
      data: dataOf(device, wanted.monitor, commands),
    };
  }
  const overlay = {
    device,
    isAmba,
    sysfs: bus?.path ?? `/sys/bus/${isAmba ? 'amba' : 'platform'}/devices/${name}`,
    file: wanted.file === undefined ? `${device.symbol}.dts` : basename(wanted.file),
  };
  const commands = crosvmCommands(overlay);
  return { text: crosvmOverlay(overlay), commands, data: dataOf(device, wanted.monitor, commands) };
}

const hostBridge = {
  why: 'it is a PCI host bridge: VFIO gives a guest the devices behind it, and the monitor makes the bridge that they are behind there',
  hint: 'name one of those: dt export --for qemu --node 0000:01:00.0',
};

/** Why the kernel makes no platform or AMBA device of a node, which is what VFIO could give away; undefined where it may. */
function noDevice(node: DtNode): { readonly why: string; readonly hint: string } | undefined {
  const hint = 'dt tree lists the nodes: one with compatible and an address is a device';
  if (node.parent === undefined) return { why: 'it is the whole machine', hint };
  if (node.property('compatible') === undefined)
    return { why: 'it has no compatible: the kernel makes no device of it', hint };
  if (isOnMemoryBus(node)) return undefined;
  const why = `its address is one on ${node.parent.path}, not in memory: it is no platform device, and goes with the one that it is behind`;
  return { why, hint };
}

/** What the profile of the device, or of its kind, says of guests. */
async function guestOf({ node, open }: Subject, name: string, isAmba: boolean): Promise<GuestDescription> {
  const own = open?.profile;
  if (own !== undefined) return own.guest;
  const id = node.property('arm,primecell-periphid')?.u32;
  const profile = await profileFor({
    bus: isAmba ? 'amba' : 'platform',
    name,
    compatible: node.property('compatible')?.strings ?? [],
    ...(id !== undefined && { amba: id }),
  });
  return profile?.guest ?? {};
}

function dataOf(device: GuestDevice, monitor: Monitor, commands: readonly string[]): object {
  const { path, origin, symbol, regions, interrupts, clocks, properties, left, notes } = device;
  return {
    for: monitor,
    node: path,
    tree: origin,
    symbol,
    regions,
    interrupts,
    clocks,
    properties,
    left,
    notes,
    commands,
  };
}

/** Lines for a screen: tabs would be told there as what they are. */
function shown(source: string): string[] {
  return source.trimEnd().replaceAll('\t', '    ').split('\n');
}

/** What was written, in few lines. */
function summary(path: string, { commands, data }: Exported): View {
  return {
    kind: 'text',
    lines: [`${path}: written`, ...commands.map((command) => `  ${command}`)],
    data: { file: path, ...data },
  };
}

async function written(context: Context, path: string, replaced: boolean, result: Exported): Promise<View> {
  refuseLoss(path, replaced);
  if (context.dryRun) return { kind: 'text', lines: [`would write ${path}`] };
  const out = await WholeFile.create(path, replaced, context.signal);
  try {
    await out.write(result.text);
    await out.commit();
  } catch (error) {
    await out.discard();
    throw error;
  }
  return summary(path, result);
}

export const commands = [
  defineCommand({
    name: 'dt export',
    group: 'devices',
    summary: 'write what a virtual machine needs to be given the device',
    details:
      'For crosvm and a platform device a device tree overlay, to be compiled with dtc: a labelled node with reg, interrupts and those properties that ' +
      'make sense in a guest; clocks become clocks of fixed rate, and what refers to parts of the host is left out and told. For QEMU the command line, and ' +
      'for platform devices the node that QEMU up to 10.1 would have had to make (10.2 removed vfio-platform). PCI devices need a command line ' +
      'only. What a kind of device needs besides is in its profile. Without a FILE it is shown. The device is not touched.',
    arguments: { file: optional(file('the file to write')) },
    flags: {
      for: optional(choice('the virtual machine monitor', monitors)),
      node: optional(treeNode('a node or a device, in place of the open device', treeForTab)),
      dtb: optional(file('a device tree blob to look into, in place of the one that the kernel has')),
      symbol: optional(text('the label of the node; by default the one that it has, or its name', 'LABEL')),
      replace,
    },
    effect: 'none',
    needs: 'nothing',
    plans: true,
    examples: [
      {
        line: 'dt export --for crosvm --node /bus/rtc@10000 --dtb scripts/pl031.dtb',
        says: 'the overlay for a node of a blob',
      },
      { line: 'dt export --for qemu /tmp/edu.sh', says: 'how QEMU gets the simulated device', device: 'sim:edu' },
    ],
    async run(context: Context, { arguments: { file: path }, flags }): Promise<View> {
      const { for: monitor, symbol } = flags;
      if (monitor === undefined) throw new UsageError('for which monitor?', undefined, '--for crosvm or --for qemu');
      if (symbol !== undefined && !/^[A-Za-z_][A-Za-z0-9_]{0,47}$/.test(symbol)) {
        throw new UsageError('a label has letters, digits and _', undefined, '--symbol uart0');
      }
      const result = await exported(context.session, { monitor, symbol, file: path }, flags.node, flags.dtb);
      if (path !== undefined) return written(context, path, flags.replace, result);
      return { kind: 'text', lines: shown(result.text), data: { ...result.data, text: result.text } };
    },
  }),
];
