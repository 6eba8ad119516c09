import { busNames } from '../../vfio/bus/bus-device.js';
import { listDevices, type ListedDevice } from '../../vfio/bus/list.js';
import { models } from '../../vfio/sim/catalog.js';
import type { View } from '../../views/view.js';
import { type Argument, many, text, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';

const kinds = [...busNames, 'sim', 'dma'];

/** One of `kinds`, or a text that is looked for. */
const filter: Argument<string> = {
  ...text('a kind of device, or a part of what is shown of one', 'FILTER'),
  complete: () => kinds.map((kind) => ({ text: kind })),
};

/** A device as it is shown: what is asked of filters, and its cells. */
interface Entry {
  readonly bus: string;
  readonly translated: boolean;
  readonly ready: boolean;
  /** What it is known by besides its cells: its ids, everything that its node is compatible with. */
  readonly known: readonly string[];
  readonly cells: Readonly<Record<'address' | 'bus' | 'driver' | 'group' | 'state' | 'description', string>>;
  readonly data: object;
}

function realEntry(device: ListedDevice): Entry {
  const { bus, name, driver = '-', iommuGroup, noIommu, obstacles, description, ids, compatible } = device;
  const type = noIommu ? 'no-IOMMU' : (device.groupType ?? '');
  const ready = obstacles.length === 0;
  const state = ready ? 'ready' : stateOf(obstacles.map(({ brief }) => brief));
  const group = iommuGroup === undefined ? '-' : `${iommuGroup} ${type}`.trimEnd();
  return {
    bus,
    translated: iommuGroup !== undefined && !noIommu,
    ready,
    known: [...compatible, ...(ids === undefined ? [] : [`${idText(ids.vendor)}:${idText(ids.device)}`])],
    cells: { address: name, bus, driver, group, state, description: shortened(description) },
    data: { ...device, ready },
  };
}

function idText(id: number): string {
  return id.toString(16).padStart(4, '0');
}

/** The most fundamental obstacle; the two that go together as one. */
function stateOf(briefs: readonly string[]): string {
  return briefs[0] === 'bind first' && briefs.includes('group blocked') ? 'bind its group' : (briefs[0] ?? '');
}

/** A company's name without what it is in law: 'Intel 82574L Gigabit Network Connection'. */
function shortened(description: string): string {
  return description.replaceAll(
    /,? (?:Corporation|Corp\.?|Incorporated|Inc\.?|Co\.?,? Ltd\.?|Ltd\.?|Limited|GmbH|AG)(?=[ ,])/g,
    '',
  );
}

function simulatedEntry([name, description]: [name: string, description: string]): Entry {
  const address = `sim:${name}`;
  return {
    bus: 'sim',
    translated: false,
    ready: true,
    known: [],
    cells: { address, bus: 'sim', driver: '-', group: '-', state: 'ready', description },
    data: { bus: 'sim', name: address, description, obstacles: [], ready: true },
  };
}

function matches(entry: Entry, wanted: string): boolean {
  if (wanted === 'dma') return entry.translated;
  if (kinds.includes(wanted)) return entry.bus === wanted;
  const sought = wanted.toLowerCase();
  return [...Object.values(entry.cells), ...entry.known].some((cell) => cell.toLowerCase().includes(sought));
}

export const commands = [
  defineCommand({
    name: 'devices',
    aliases: ['list'],
    group: 'devices',
    summary: 'list the devices of this machine, and what is in the way of opening them',
    details:
      'PCI, AMBA, fsl-mc and CDX devices, the platform devices that are hardware (--all: every one), and the simulated ones. Reads sysfs only. ' +
      'A FILTER is a bus (pci, platform, amba, fsl-mc, cdx, sim), the word dma (those that an IOMMU translates), or a text: a part of a name, a ' +
      'driver, a description, of what the column VFIO says, of `compatible`; or ids (8086:10d3). All filters have to fit. `doctor DEVICE` says what to do about what is in the way.',
    arguments: { filters: many(filter) },
    flags: {
      ready: toggle('only those that can be opened as things are'),
      all: toggle('the platform devices too that have no registers and no IOMMU'),
    },
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'devices', says: 'everything that could be opened' },
      { line: 'devices sim', says: 'the simulated devices' },
      { line: 'devices pci nvme', says: 'PCI devices that nvme drives, or that are called so' },
    ],
    run({ session }, { arguments: { filters }, flags }): View {
      const only = filters.find((each) => each !== 'dma' && kinds.includes(each));
      const real = only === 'sim' ? [] : listDevices(session.roots, flags.all).map(realEntry);
      const all = [...real, ...Object.entries(models).map(simulatedEntry)];
      const fitting = all.filter((entry) => filters.every((each) => matches(entry, each)));
      const shown = fitting.filter(({ ready }) => ready || !flags.ready);
      const asked = filters.length === 0 ? 'device' : `device that is ${filters.join(' and ')}`;
      const table: View = {
        kind: 'table',
        columns: [
          { key: 'address', header: 'device' },
          { key: 'bus', header: 'bus' },
          { key: 'driver', header: 'driver' },
          { key: 'group', header: 'group' },
          { key: 'state', header: 'VFIO', shrink: true },
          { key: 'description', header: 'what it is', shrink: true },
        ],
        rows: shown.map(({ cells }) => cells),
        empty:
          flags.ready && fitting.length > 0 ? `none of ${fitting.length} can be opened as things are` : `no ${asked}`,
        data: shown.map(({ data }) => data),
      };
      return table;
    },
  }),
];
