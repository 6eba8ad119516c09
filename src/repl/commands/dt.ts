import { type BusDevice, isVfioBound } from '../../vfio/bus/bus-device.js';
import { firstAddress } from '../../vfio/devicetree/address.js';
import { attach, attachmentOf, matchingOf } from '../../vfio/devicetree/attach.js';
import { describeNode } from '../../vfio/devicetree/describe.js';
import { lookUp } from '../../vfio/devicetree/lookup.js';
import { type DtNode, statusOf } from '../../vfio/devicetree/node.js';
import { acpiOf } from '../../vfio/devicetree/of-node.js';
import { pciFacts } from '../../vfio/devicetree/pci.js';
import { resourcesOf } from '../../vfio/devicetree/resource.js';
import { iommuLink, powerWarnings, type Warning } from '../../vfio/devicetree/warning.js';
import { VfioError } from '../../vfio/errors.js';
import { acpiView } from '../../views/acpi-view.js';
import { type NodeContext, nodeView } from '../../views/device-tree-view.js';
import type { View } from '../../views/view.js';
import { file, integer, optional, toggle } from '../arguments.js';
import { treeNode } from '../arguments/tree-node.js';
import { type Context, defineCommand } from '../command.js';
import { announce } from '../device-node.js';
import { KERNELS_TREE } from '../kernels-tree.js';
import type { Session } from '../session.js';
import { treeForTab } from '../tree-for-tab.js';
import { isNodeOf, requireTree, type Subject, subjectOf, treeFor } from '../tree-subject.js';

/** Lines of `dt tree` that are shown: a hostile tree would have a hundred thousand. */
const MOST_NODES = 10_000;
/** Lines after which Ctrl-C is looked for. */
const ROWS_A_BREATH = 64;

const dtb = optional(file('a device tree blob to look into, in place of the one that the kernel has'));

function showSubject(session: Session, subject: Subject, whole: boolean): View {
  const { tree, node, of, bus, open } = subject;
  const context: NodeContext = {
    whole,
    warnings: warningsOf(subject),
    ...(of !== undefined && { of: { holder: of, device: bus?.name ?? '' } }),
    ...(open !== undefined &&
      of === undefined &&
      !open.isPci && {
        device: {
          name: open.name,
          matching: matchingOf(open, tree, node, session.roots),
          names: attachmentOf(open)?.names ?? [],
        },
      }),
    ...(bus?.bus === 'pci' && {
      pci: { name: bus.name, facts: pciFacts(tree, node, bus, resourcesOf(bus, session.roots)) },
    }),
  };
  return nodeView(describeNode(tree, node), context);
}

/** What to beware of, where the node is a device that VFIO has or could have. */
function warningsOf({ tree, node, of, bus, open }: Subject): readonly Warning[] {
  if (open !== undefined && of === undefined) {
    const attached = attachmentOf(open);
    if (attached !== undefined && isNodeOf(open, tree, node)) return attached.warnings;
  }
  const isDevice = node.property('compatible') !== undefined && firstAddress(node) !== undefined;
  if (!isDevice) return [];
  const isIommu = node.property('#iommu-cells') !== undefined;
  const link = bus?.iommuGroup !== undefined || open !== undefined || isIommu ? undefined : iommuLink(tree, node);
  const unlinked =
    link?.kind === 'none'
      ? [{ mayHang: false, text: `${link.why}, so that no IOMMU translates it: ${link.hint}` }]
      : [];
  // A driver of its own takes care of what it needs.
  if (of !== undefined || (bus?.driver !== undefined && !isVfioBound(bus))) return unlinked;
  const known =
    bus?.bus ?? (node.property('compatible')?.strings.includes('arm,primecell') === true ? 'amba' : 'platform');
  return [...powerWarnings(tree, node, { bus: known }), ...unlinked];
}

/** What ACPI says of a device without a node. */
function withoutNode(session: Session, bus: BusDevice): View {
  const acpi = acpiOf(bus);
  if (acpi !== undefined) return acpiView(bus.name, acpi, resourcesOf(bus, session.roots));
  throw new VfioError({
    kind: 'absent',
    operation: `find the node of ${bus.name}`,
    why: 'neither a device tree nor ACPI describes it',
    hint: '--dtb FILE gives a blob',
  });
}

interface Row {
  readonly node: DtNode;
  readonly depth: number;
}

function* rowsUnder(node: DtNode, depth: number, deepest: number): Generator<Row> {
  yield { node, depth };
  if (depth < deepest) for (const child of node.children) yield* rowsUnder(child, depth + 1, deepest);
}

/** What a row shows of a node. */
function cellsOf({ node, depth }: Row): {
  name: string;
  address: bigint | undefined;
  compatible: string[];
  status: string;
} {
  return {
    name: `${'  '.repeat(depth)}${depth === 0 ? node.path : node.name}`,
    address: firstAddress(node),
    compatible: node.property('compatible')?.strings ?? [],
    status: statusOf(node),
  };
}

async function treeTable(context: Context, top: DtNode, deepest: number): Promise<View> {
  const rows: Row[] = [];
  let more = 0;
  for (const row of rowsUnder(top, 0, deepest)) {
    if (rows.length < MOST_NODES) rows.push(row);
    else more += 1;
  }
  const cells: (ReturnType<typeof cellsOf> & { path: string })[] = [];
  for (const row of rows) {
    cells.push({ path: row.node.path, ...cellsOf(row) });
    if (cells.length % ROWS_A_BREATH === 0) await context.breathe();
  }
  const table: View = {
    kind: 'table',
    columns: [
      { key: 'name', header: 'node' },
      { key: 'address', header: 'address', align: 'right' },
      { key: 'status', header: 'status' },
      { key: 'compatible', header: 'compatible', shrink: true },
    ],
    rows: cells.map(({ name, address, compatible, status }) => ({
      name,
      address: address === undefined ? '' : `0x${address.toString(16)}`,
      status: status === 'okay' ? '' : [{ text: status, role: 'dim' }],
      compatible: compatible.join(', '),
    })),
    data: cells.map(({ name: _name, ...rest }) => rest),
  };
  if (more === 0) return table;
  return { kind: 'all', views: [table, { kind: 'text', lines: [`${more} more: dt tree NODE shows a part`] }] };
}

export const commands = [
  defineCommand({
    name: 'dt',
    group: 'devices',
    summary: 'show the device-tree node of the device, or another one, decoded',
    details:
      'Addresses are translated through the ranges of every bus above, interrupts followed to their controller, phandles to their nodes; for the ' +
      'open device each is matched to the region or interrupt of VFIO, with what the match rests on. NODE is a path, a device (fe101300.dma, ' +
      'a PCI address for its host bridge), an alias, a label (&uart0, where the tree has them) or the name of a node. Nothing is asked of the device itself.',
    arguments: { node: optional(treeNode('the node; the one of the open device if left out', treeForTab)) },
    flags: { dtb, whole: toggle('show long values in full') },
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      {
        line: 'dt',
        says: 'the node of the open device',
        device: 'sim:pl031',
        after: ['dt use /bus/rtc@10000 --dtb scripts/pl031.dtb'],
      },
      { line: 'dt /bus/rtc@10000 --dtb scripts/pl031.dtb', says: 'a node of a blob' },
    ],
    async run({ session }: Context, { arguments: { node }, flags }): Promise<View> {
      const isGiven = flags.dtb !== undefined || session.options.get('dtb') !== KERNELS_TREE;
      const subject = subjectOf(session, await treeFor(session, flags.dtb), node, isGiven);
      return 'tree' in subject ? showSubject(session, subject, flags.whole) : withoutNode(session, subject);
    },
  }),

  defineCommand({
    name: 'dt tree',
    group: 'devices',
    summary: 'list the nodes of the device tree, with their addresses',
    details:
      "The address is the first of reg as the processor sees it; none where a bus's addresses mean nothing outside of it.",
    arguments: { node: optional(treeNode('where to begin; the root if left out', treeForTab)) },
    flags: { dtb, depth: optional(integer('levels below it', { label: 'N', most: 64 })) },
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'dt tree --dtb scripts/pl031.dtb', says: 'every node of a blob' }],
    async run(context: Context, { arguments: { node }, flags }): Promise<View> {
      const { session } = context;
      const tree = requireTree(await treeFor(session, flags.dtb));
      const top = node === undefined ? tree.root : lookUp(tree, node, session.roots);
      return treeTable(context, top, flags.depth ?? Infinity);
    },
  }),

  defineCommand({
    name: 'dt use',
    group: 'devices',
    summary: 'say which node the open device is: its names become those of regions and interrupts',
    details:
      'For a device whose node cannot be told by its name: a simulated one, one behind a socket, or one of another machine. A device of the running ' +
      'kernel has its node from the start.',
    arguments: { node: treeNode('the node', treeForTab) },
    flags: { dtb },
    effect: 'none',
    needs: 'device',
    examples: [
      {
        line: 'dt use /bus/rtc@10000 --dtb scripts/pl031.dtb; peek rtc 0xfe0',
        says: 'read by the name that the tree has for region0',
        device: 'sim:pl031',
      },
    ],
    async run({ session, device }: Context<'device'>, { arguments: { node }, flags }): Promise<View> {
      const tree = requireTree(await treeFor(session, flags.dtb));
      const attachment = attach(device, tree, lookUp(tree, node, session.roots), session.roots);
      announce(session, device, attachment);
      const names = attachment.names.filter(({ of, name }) => of !== name).map(({ of, name }) => `${name} is ${of}`);
      const given = names.length === 0 ? 'it has no names for what the device has' : names.join(', ');
      return {
        kind: 'text',
        lines: [`${device.name} is ${attachment.node.path}: ${given}`],
        data: { device: device.name, node: attachment.node.path, names: attachment.names },
      };
    },
  }),
];
