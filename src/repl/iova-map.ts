import type { Dma, Mapped } from '../vfio/dma/dma.js';
import { bytesText, endOf } from '../vfio/dma/mapping.js';
import { rangesText, usableRanges } from '../vfio/dma/placement.js';
import type { DmaLimits } from '../vfio/transport/transport.js';
import { roundBytes } from '../views/address-map.js';
import type { AddressBar, AddressMapView, AddressStretch, Cell, Column } from '../views/view.js';

/** Rows of the table at the most: more mappings are summed up. */
const MOST_ROWS = 40;
/** Close-ups at the most: one for each cluster of mappings that are far from each other. */
const MOST_CLUSTERS = 4;
/** Characters of a bar at its widest: a close-up's are round numbers of bytes. */
const CELLS = 64n;

const columns: readonly Column[] = [
  { key: 'iova', header: 'IOVA' },
  { key: 'size', header: 'size', align: 'right' },
  { key: 'what', header: 'what' },
  { key: 'prot', header: 'device may' },
  { key: 'note', header: 'note', shrink: true },
];

interface Row {
  readonly first: bigint;
  readonly cells: Readonly<Record<string, Cell>>;
}

/** Mappings that are one row: neighbours, or a part of the space that has many. */
interface Group {
  readonly first: Mapped;
  last: Mapped;
  count: number;
  bytes: number;
  /** All of them let the device do the same. */
  uniform: boolean;
}

/** The IOVA space of a device: its limits, pictures to scale, and a table of mappings, holes between them and windows that are not usable. */
export function iovaMap(dma: Dma, limits: DmaLimits, all: boolean): AddressMapView {
  const mappings = [...dma.mappings];
  const ranges = usableRanges(limits);
  const windows = windowsOf(ranges);
  return {
    kind: 'address-map',
    lines: headLines(dma, limits),
    bars: [wholeBar(mappings, ranges, windows), ...clustersOf(mappings).map((cluster) => closeUp(cluster, windows))],
    table: {
      kind: 'table',
      columns,
      rows: rowsOf(mappings, windows, all),
      empty: 'nothing is mapped',
    },
    data: {
      ranges: limits.ranges,
      pageSizes: limits.pageSizes,
      entriesLeft: limits.entriesLeft,
      bytes: dma.bytes,
      mappings: mappings.map(({ name, iova, size, prot, kind, guard }) => ({ name, iova, size, prot, kind, guard })),
      unmapped: unmapped(dma),
    },
  };
}

function headLines(dma: Dma, limits: DmaLimits): string[] {
  const left = limits.entriesLeft === undefined ? '' : `, ${limits.entriesLeft} more can be made`;
  const made = `${dma.count} ${dma.count === 1 ? 'mapping' : 'mappings'}, ${bytesText(dma.bytes)}${left}`;
  const sizes: string[] = [];
  for (let bits = limits.pageSizes; bits !== 0n; bits &= bits - 1n) sizes.push(bytesText(bits & -bits));
  const pages = sizes.length === 0 ? '' : `; pages of ${sizes.join(', ')}`;
  const kept = unmapped(dma);
  return [
    `${dma.name}: ${made}${pages}`,
    limits.ranges.length === 0 ? 'usable IOVA: what the server takes' : `usable IOVA: ${rangesText(limits.ranges)}`,
    ...(kept.length === 0 ? [] : [`kept, but not mapped: ${listed(kept)}`]),
  ];
}

function unmapped(dma: Dma): string[] {
  return dma.buffers.filter(({ mapping }) => mapping === undefined).map(({ name }) => name);
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length <= 8 ? shown : `${shown} and ${names.length - 8} more`;
}

/** What lies between the usable ranges. */
function windowsOf(ranges: DmaLimits['ranges']): AddressStretch[] {
  const windows: AddressStretch[] = [];
  let next = 0n;
  for (const { first, last } of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (first > next) windows.push({ first: next, last: first - 1n, what: 'reserved' });
    next = last + 1n;
  }
  return windows;
}

/** All of the space, from 0 to the power of two above the last usable address. */
function wholeBar(
  mappings: readonly Mapped[],
  ranges: DmaLimits['ranges'],
  windows: readonly AddressStretch[],
): AddressBar {
  const top = ranges.reduce((most, { last }) => (last > most ? last : most), 0n);
  const last = (1n << BigInt(top.toString(2).length)) - 1n;
  const above: AddressStretch[] = top < last ? [{ first: top + 1n, last, what: 'reserved' }] : [];
  return { label: 'all', first: 0n, last, stretches: [...windows, ...above, ...stretchesOf(mappings)] };
}

/** The smallest round stretch that holds the cluster, at a power of two of bytes for a character. */
function closeUp(cluster: readonly Mapped[], windows: readonly AddressStretch[]): AddressBar {
  const start = cluster[0]?.iova ?? 0n;
  const end = cluster.reduce((most, mapping) => (endOf(mapping) > most ? endOf(mapping) : most), 0n);
  let each = 16n;
  let first = start - (start % (each * 4n));
  while (first + each * CELLS < end) {
    each *= 2n;
    first = start - (start % (each * 4n));
  }
  const last = first + each * CELLS - 1n;
  const near = windows
    .filter((window) => window.last >= first && window.first <= last)
    .map((window) => ({
      first: window.first < first ? first : window.first,
      last: window.last > last ? last : window.last,
      what: window.what,
    }));
  const label = cluster.length === 1 ? (cluster[0]?.name ?? '') : `${cluster.length} mappings`;
  return { label, first, last, stretches: [...near, ...stretchesOf(cluster)] };
}

/** Mappings in a row, and the widest hole among them. */
interface Cluster {
  readonly mappings: readonly Mapped[];
  /** The index of the mapping behind the widest hole, where that is wider than all that lies on either side of it by far. */
  readonly split: number | undefined;
  readonly hole: number;
}

/** The mappings in clusters that are far apart, split at the widest holes first. */
function clustersOf(mappings: readonly Mapped[]): (readonly Mapped[])[] {
  const clusters = mappings.length === 0 ? [] : [clusterOf(mappings)];
  while (clusters.length < MOST_CLUSTERS) {
    const widest = clusters.reduce((best, { split, hole }) => (split === undefined ? best : Math.max(best, hole)), 0);
    const at = clusters.findIndex(({ split, hole }) => split !== undefined && hole === widest);
    const { mappings: all, split } = clusters[at] ?? { mappings: [], split: undefined };
    if (split === undefined) break;
    clusters.splice(at, 1, clusterOf(all.slice(0, split)), clusterOf(all.slice(split)));
  }
  return clusters.map((cluster) => cluster.mappings);
}

function clusterOf(mappings: readonly Mapped[]): Cluster {
  const holes = holesIn(mappings);
  let split = 0;
  for (let index = 1; index < holes.length; index += 1) if ((holes[index] ?? 0) > (holes[split] ?? 0)) split = index;
  const hole = holes[split] ?? 0;
  const [bottom, left, right, top] = [mappings[0], mappings[split - 1], mappings[split], mappings.at(-1)];
  if (!bottom || !left || !right || !top) return { mappings, split: undefined, hole };
  const apart = hole > 4 * Number(endOf(left) - bottom.iova) && hole > 4 * Number(endOf(top) - right.iova);
  return { mappings, split: apart ? split : undefined, hole };
}

/** The bytes in front of each mapping up to the one before it; 0 for the first. */
function holesIn(mappings: readonly Mapped[]): Float64Array {
  const holes = new Float64Array(mappings.length);
  let end = mappings[0]?.iova ?? 0n;
  for (const [index, mapping] of mappings.entries()) {
    holes[index] = Number(mapping.iova - end);
    end = endOf(mapping);
  }
  return holes;
}

/** What is mapped, mappings that touch as one stretch. */
function stretchesOf(mappings: readonly Mapped[]): AddressStretch[] {
  const stretches: AddressStretch[] = [];
  let first = 0n;
  let end = -1n;
  const push = (): void => {
    if (end >= 0n) stretches.push({ first, last: end - 1n, what: 'mapped' });
  };
  for (const mapping of mappings) {
    if (mapping.iova !== end) {
      push();
      first = mapping.iova;
    }
    end = endOf(mapping);
  }
  push();
  return stretches;
}

function rowsOf(
  mappings: readonly Mapped[],
  windows: readonly AddressStretch[],
  all: boolean,
): Readonly<Record<string, Cell>>[] {
  const each = mappings.map((mapping) => ({
    first: mapping,
    last: mapping,
    count: 1,
    bytes: mapping.size,
    uniform: true,
  }));
  let groups: Group[] = each;
  if (!all && tooMany(groups, windows)) groups = joined(each, (before, next) => alike(before, next));
  if (!all && tooMany(groups, windows)) {
    const kept = widestHoles(mappings, Math.floor((MOST_ROWS - windows.length) / 2) - 1);
    groups = joined(each, (_, next) => !kept.has(next));
  }
  const rows: Row[] = windows.map(windowRow);
  for (const [index, group] of groups.entries()) {
    rows.push({ first: group.first.iova, cells: groupCells(group) });
    const next = groups[index + 1];
    if (next !== undefined) rows.push(...holeRow(endOf(group.last), next.first.iova, windows));
  }
  return rows.toSorted((a, b) => (a.first < b.first ? -1 : 1)).map(({ cells }) => cells);
}

/** A hole for every group but the last, at the most. */
function tooMany(groups: readonly Group[], windows: readonly AddressStretch[]): boolean {
  return 2 * groups.length - 1 + windows.length > MOST_ROWS;
}

function joined(groups: readonly Group[], join: (before: Mapped, next: Mapped) => boolean): Group[] {
  const all: Group[] = [];
  for (const group of groups) {
    const before = all.at(-1);
    if (before !== undefined && join(before.last, group.first)) {
      before.uniform &&= before.last.prot === group.first.prot;
      before.last = group.last;
      before.count += group.count;
      before.bytes += group.bytes;
    } else all.push({ ...group });
  }
  return all;
}

/** Neighbours that differ in name only. */
function alike(before: Mapped, next: Mapped): boolean {
  const { prot, kind, guard, size } = before;
  return (
    endOf(before) === next.iova &&
    prot === next.prot &&
    kind === next.kind &&
    guard === next.guard &&
    size === next.size
  );
}

/** The mappings behind the widest holes: `most` of them, or fewer, since of holes of one size all or none are told. */
function widestHoles(mappings: readonly Mapped[], most: number): Set<Mapped> {
  const holes = holesIn(mappings);
  const tooNarrow = holes.toSorted().at(-most - 1) ?? 0;
  return new Set(mappings.filter((_, index) => (holes[index] ?? 0) > tooNarrow));
}

function groupCells({ first, last, count, bytes, uniform }: Group): Readonly<Record<string, Cell>> {
  const what = count === 1 ? first.name : `${count} mappings, ${first.name} to ${last.name}`;
  const gaps = endOf(last) - first.iova - BigInt(bytes);
  const note = [
    ...(first.kind === 'buffer' ? [] : [first.kind === 'file' ? 'file' : 'array of JavaScript']),
    ...(first.guard > 0 && count === 1 ? [`guards of ${bytesText(first.guard)} on both sides`] : []),
    ...(gaps > 0n ? [`${roundBytes(gaps)} of holes among them`] : []),
  ];
  return {
    iova: [{ text: rangeText(first.iova, endOf(last)), role: 'address' }],
    size: bytesText(bytes),
    what: [{ text: what, role: 'name' }],
    prot: uniform ? allowed(first) : 'various',
    note: note.join(', '),
  };
}

function allowed({ prot }: Mapped): string {
  return prot === 'rw' ? 'read, write' : prot === 'r' ? 'read' : 'write';
}

function holeRow(first: bigint, end: bigint, windows: readonly AddressStretch[]): Row[] {
  if (first >= end) return [];
  const inside = windows.filter((window) => window.first < end && window.last >= first);
  const free = inside.reduce((size, window) => size - (window.last - window.first + 1n), end - first);
  if (free <= 0n) return [];
  const text = rangeText(first, end);
  const cells = {
    iova: [{ text, role: 'dim' }],
    size: roundBytes(free),
    what: [{ text: 'free', role: 'dim' }],
  } as const;
  return [{ first, cells }];
}

function windowRow({ first, last }: AddressStretch): Row {
  const text = rangeText(first, last + 1n);
  const cells = {
    iova: [{ text, role: 'warning' }],
    size: roundBytes(last - first + 1n),
    what: [{ text: 'not usable', role: 'warning' }],
    note: 'reserved, or no IOVA range',
  } as const;
  return { first, cells };
}

function rangeText(first: bigint, end: bigint): string {
  return `0x${first.toString(16)}..0x${end.toString(16)}`;
}
