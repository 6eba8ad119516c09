import { listDevices } from '../../vfio/bus/list.js';
import { systemRoots } from '../../vfio/bus/roots.js';
import { exists } from '../../vfio/bus/sysfs.js';
import '../../vfio/dma/dma.js';
import { VfioError } from '../../vfio/errors.js';
import { faultText, type LogObstacle, type SeenFault } from '../../vfio/iommu/faults.js';
import { requesterText } from '../../vfio/iommu/fault-text.js';
import { listGroups } from '../../vfio/iommu/group-list.js';
import '../../vfio/iommu/iommu.js';
import { monotonicNs } from '../../vfio/journal.js';
import { groupsView, iommuView } from '../../views/iommu-view.js';
import { countText } from '../../views/numbers.js';
import { translationView, verificationView } from '../../views/translation-view.js';
import type { Column, View } from '../../views/view.js';
import { duration, file, integer, optional, toggle, value } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { ExpectationError, UsageError } from '../usage-error.js';

function text(...lines: string[]): View {
  return { kind: 'text', prose: true, lines };
}

/** No IOMMU of this kernel stands before the device: there is nothing that could be verified or reported. */
function isForeign({ device }: Context<'device'>): boolean {
  return device.via === 'vfio-user' || device.via === 'snapshot';
}

const foreign = 'no IOMMU of this kernel translates for it';

const faultColumns: readonly Column[] = [
  { key: 'time', header: 'time', align: 'right' },
  { key: 'device', header: 'device' },
  { key: 'access', header: 'access' },
  { key: 'address', header: 'address', align: 'right' },
  { key: 'reason', header: 'reason' },
  { key: 'explanation', header: 'what it means', shrink: true },
];

/** The time of the journal's oldest kept entry, from which `log` counts. */
function journalStart({ device }: Context<'device'>): number {
  for (const entry of device.journal.entries()) return entry.time;
  return monotonicNs();
}

function faultRow(seen: SeenFault, name: string, start: number): Record<string, string> {
  const { fault, owner, explanation, time, live } = seen;
  return {
    time: ((time - start) / 1e9).toFixed(6),
    device: `${requesterText(fault, owner, name)}${owner === 'unknown' ? ' ?' : ''}`,
    access: fault.access ?? '-',
    address: fault.address === undefined ? '-' : `0x${fault.address.toString(16)}`,
    reason: `${fault.reason} (${fault.code})`,
    explanation: explanation ?? (live ? '' : 'was in the log before'),
  };
}

function refuse(device: string, obstacle: LogObstacle): VfioError {
  return new VfioError({ operation: 'read the DMA faults', device, ...obstacle });
}

interface FaultFlags {
  readonly all: boolean;
  readonly since: number | undefined;
}

function listFaults(context: Context<'device'>, { all, since }: FaultFlags): View {
  const { device } = context;
  const { faults } = device.iommu;
  const obstacle = faults.read();
  if (obstacle !== undefined) throw refuse(device.name, obstacle);
  faults.watch();
  const start = journalStart(context);
  const from = since === undefined ? start : monotonicNs() - since * 1e6;
  const about = faults.seen.filter(({ owner }) => all || owner !== 'other');
  const shown = about.filter(({ time, live }) => time >= from || (since === undefined && live));
  const table: View = {
    kind: 'table',
    columns: faultColumns,
    rows: shown.map((seen) => faultRow(seen, device.name, start)),
    empty: `no DMA fault of ${device.name}`,
    data: shown,
  };
  const notes = [
    ...(about.length > shown.length
      ? [`${countText(about.length - shown.length, 'earlier one')} in the log; --since 1h shows more`]
      : []),
    ...(faults.suppressed > 0
      ? [`the kernel's rate limit held ${faults.suppressed} lines about faults back: there were more than are shown`]
      : []),
    ...(faults.lost > 0 ? ['the log went round before it was read: faults may be missing'] : []),
  ];
  return notes.length === 0 ? table : { kind: 'all', views: [table, text(...notes)] };
}

interface FollowFlags {
  readonly all: boolean;
  readonly count: number | undefined;
  readonly timeout: number | undefined;
}

/** The longest that a timer can wait: 24 days. */
const FOR_EVER = 2 ** 31 - 1;

/** Faults as they come, those first that no earlier call has shown, until there are `count`, the time is over, or the command is interrupted. */
async function* followFaults(context: Context<'device'>, { all, count, timeout }: FollowFlags): AsyncGenerator<View> {
  const { device } = context;
  const { faults } = device.iommu;
  const obstacle = faults.watch();
  if (obstacle !== undefined) throw refuse(device.name, obstacle);
  let wake: () => void = () => undefined;
  const leave = faults.onFault(() => wake());
  const late = new AbortController();
  // The log keeps no process from ending; while it is followed, this does.
  const timer = setTimeout(() => late.abort(), Math.min(timeout ?? FOR_EVER, FOR_EVER));
  const end = AbortSignal.any([context.signal, late.signal]);
  end.addEventListener('abort', () => wake(), { once: true });
  const start = journalStart(context);
  const most = count ?? Infinity;
  let shown = 0;
  try {
    while (shown < most && !end.aborted) {
      const seen = faults.take();
      if (seen === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
      } else if (all || seen.owner !== 'other') {
        shown += 1;
        yield text(`${((seen.time - start) / 1e9).toFixed(6)} ${faultText(seen, device.name)}`);
      }
    }
    if (late.signal.aborted && count !== undefined && shown < count) {
      const hint = 'iommu faults --since 1m shows earlier ones';
      throw new ExpectationError(`${shown} of ${count} DMA faults came in time`, hint);
    }
  } finally {
    clearTimeout(timer);
    leave();
  }
}

export const commands = [
  defineCommand({
    name: 'iommu',
    group: 'dma',
    summary: 'show what stands between the device and memory: IOMMU, group, ranges, limits',
    details:
      "The group's members and drivers, and whether VFIO can have it; the reserved and the usable IOVA; what the IOMMU can do, from iommufd " +
      '(IOMMU_GET_HW_INFO) or sysfs; the mappings that can still be made, and locked memory.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'iommu', says: 'what translates the addresses of this device', device: 'sim:edu' }],
    run: ({ device }): View => iommuView(device.name, device.iommu.describe()),
    toJs: () => 'device.iommu.describe()',
  }),

  defineCommand({
    name: 'iommu groups',
    group: 'dma',
    summary: 'list every IOMMU group of this machine, and who is in it',
    details:
      'PCI, platform and AMBA devices alike. A group is viable where each member is bound to VFIO, to a driver that does no DMA, or to ' +
      'nothing. On a machine described by a device tree, a device gets its group when a driver first probes it.',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'iommu groups', says: 'the groups, their devices and drivers' }],
    run(): View {
      const waiting = listDevices(systemRoots)
        .filter(({ iommuGroup, path }) => iommuGroup === undefined && exists(`${path}/of_node/iommus`))
        .map(({ name }) => name);
      return groupsView(listGroups(systemRoots), waiting, 'no IOMMU group: no IOMMU is at work on this machine');
    },
  }),

  defineCommand({
    name: 'iommu translate',
    group: 'dma',
    summary: 'show where an IOVA leads: the mapping, and the entries of the page tables',
    details:
      'The mapping that it falls in, or the nearest ones on both sides. Where the kernel shows page tables (VT-d, through debugfs, as root), ' +
      'the entry of every level, and the physical address.',
    arguments: { iova: value('the address, as the device sends it', 'IOVA') },
    flags: {},
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [
      {
        line: 'iommu translate 0x100040',
        says: 'a byte of the first buffer',
        device: 'sim:edu',
        after: ['dma alloc ring 64K'],
      },
    ],
    run({ device }, { arguments: { iova } }): View {
      return translationView(device.iommu.translate(iova), device.dma.whereabouts(iova));
    },
    toJs: ({ arguments: { iova } }) => `device.iommu.translate(0x${iova.toString(16)}n)`,
  }),

  defineCommand({
    name: 'iommu verify',
    group: 'dma',
    summary: 'compare the mappings with the page tables of the IOMMU, and show every difference',
    details:
      'Missing and extra translations, other rights, and (as root) pages that lead to other memory than the buffers. What the kernel maps ' +
      'for itself in reserved windows, such as the doorbell of MSIs, is no difference. Needs tables that the kernel shows: VT-d, through ' +
      'debugfs, as root. In a script a difference is an expectation that failed: exit code 3.',
    arguments: {},
    flags: { tables: optional(file("a copy of the kernel's file domain_translation_struct, to be read in its place")) },
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'iommu verify', says: 'is what was mapped what the IOMMU translates?', device: 'sim:edu' }],
    async *run(context, { flags: { tables } }): AsyncGenerator<View> {
      if (tables === undefined && isForeign(context)) {
        yield text(`nothing to verify: ${foreign}, so there are no page tables`);
        return;
      }
      const { device } = context;
      const found = await device.iommu.verify(() => context.breathe(), tables);
      yield verificationView(found);
      const differences = found.differences.length + found.unlisted;
      if (differences > 0) {
        throw new ExpectationError(`the page tables differ from the mappings in ${countText(differences, 'place')}`);
      }
    },
    toJs: () => 'await device.iommu.verify()',
  }),

  defineCommand({
    name: 'iommu faults',
    group: 'dma',
    summary: 'show the DMA of this device that an IOMMU refused, and why',
    details:
      "From the kernel's log (/dev/kmsg): device, address, read or write, reason, and what the address means against the mappings. The log is " +
      'followed from the first mapping on. Linux limits how many it logs: on VT-d about three in five seconds. Times are those of `log`, ' +
      "worked out from the log's own clock. A fault whose device is not told has a question mark. --follow shows those that it has not shown " +
      'yet, then each as it comes, until Ctrl-C or --count of them; in a script a time-out is an expectation that failed: exit code 3.',
    arguments: {},
    flags: {
      follow: toggle('show faults as they come'),
      since: optional(duration('from this last time, before the device was opened too')),
      all: toggle("other devices' faults too"),
      count: optional(integer('with --follow: end after so many', { least: 1 })),
      timeout: optional(duration('with --follow: how long to wait')),
    },
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [{ line: 'iommu faults', says: 'what was refused so far', device: 'sim:edu' }],
    run(context, { flags }) {
      if (!flags.follow && (flags.count ?? flags.timeout) !== undefined) {
        throw new UsageError('--count and --timeout go with --follow', undefined, 'add --follow');
      }
      if (isForeign(context))
        return text(`no DMA fault is told: ${foreign}, and its server checks addresses by itself`);
      // What is to come does not come in a dry run.
      return flags.follow && !context.dryRun ? followFaults(context, flags) : listFaults(context, flags);
    },
  }),
];
