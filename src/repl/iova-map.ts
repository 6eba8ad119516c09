import type { Dma, Mapped } from '../vfio/dma/dma.js';
import { bytesText } from '../vfio/dma/mapping.js';
import { rangesText, usableRanges } from '../vfio/dma/placement.js';
import type { DmaLimits } from '../vfio/transport/transport.js';
import { roundBytes } from '../views/address-map.js';
import type { AddressBar, AddressMapView, Cell, Column } from '../views/view.js';
import { IovaLayout, type Stretch } from './iova-layout.js';

/** Rows of the table at the most: more mappings are summed up. */
const MOST_ROWS = 40;
/** Close-ups at the most: one for each cluster of mappings that are far from each other. */
const MOST_CLUSTERS = 4;
/** Characters of a bar at its widest: a close-up's are round numbers of bytes. */
const CELLS = 64;

const columns: readonly Column[] = [
  { key: 'iova', header: 'IOVA' },
  { key: 'size', header: 'size', align: 'right' },
  { key: 'what', header: 'what' },
  { key: 'prot', header: 'device may' },
  { key: 'note', header: 'note', shrink: true },
];

/** What cannot be used, from `start` up to, not including, `end`: multiples of a page, exact as numbers. */
interface Window {
  readonly start: number;
  readonly end: number;
}

type Cells = Readonly<Record<string, Cell>>;

/** The IOVA space of a device: its limits, pictures to scale, and a table of mappings, holes between them and windows that are not usable. */
export function iovaMap(dma: Dma, limits: DmaLimits, all: boolean): AddressMapView {
  const layout = new IovaLayout([...dma.mappings]);
  const ranges = usableRanges(limits);
  const windows = windowsOf(ranges);
  return {
    kind: 'address-map',
    lines: headLines(dma, limits),
    bars: [
      wholeBar(layout, ranges, windows),
      ...layout.clusters(MOST_CLUSTERS).map((cluster) => closeUp(layout, cluster, windows)),
    ],
    table: { kind: 'table', columns, rows: rowsOf(layout, windows, all), empty: 'nothing is mapped' },
    data: () => ({
      ranges: limits.ranges,
      pageSizes: limits.pageSizes,
      entriesLeft: limits.entriesLeft,
      bytes: dma.bytes,
      mappings: layout.mappings.map(({ name, iova, size, prot, kind, guard }) => ({
        name,
        iova,
        size,
        prot,
        kind,
        guard,
      })),
      unmapped: unmapped(dma),
    }),
  };
}

function headLines(dma: Dma, limits: DmaLimits): string[] {
  const left = limits.entriesLeft === undefined ? '' : `, ${limits.entriesLeft} more can be made`;
  const made = `${dma.count} ${dma.count === 1 ? 'mapping' : 'mappings'}, ${bytesText(dma.bytes)}${left}`;
  const sizes: string[] = [];
  for (let bits = limits.pageSizes; bits !== 0n; bits &= bits - 1n) sizes.push(bytesText(bits & -bits));
  const pages = sizes.length === 0 ? '' : `; pages of ${sizes.join(', ')}`;
  const kept = unmapped(dma);
  const usable = limits.ranges.length === 0 ? 'what the server takes' : rangesText(limits.ranges);
  return [
    `${dma.name}: ${made}${pages}`,
    `usable IOVA: ${usable}`,
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

/** What lies below and between the usable ranges. */
function windowsOf(ranges: DmaLimits['ranges']): Window[] {
  const windows: Window[] = [];
  let next = 0n;
  for (const { first, last } of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    if (first > next) windows.push({ start: Number(next), end: Number(first) });
    next = last + 1n;
  }
  return windows;
}

function edgesOf(windows: readonly Window[]): Float64Array {
  return Float64Array.from(windows.flatMap(({ start, end }) => [start, end]));
}

/** All of the space, from 0 to the power of two above the last usable address. */
function wholeBar(layout: IovaLayout, ranges: DmaLimits['ranges'], windows: readonly Window[]): AddressBar {
  const top = ranges.reduce((most, { last }) => (last > most ? last : most), 0n);
  const last = (1n << BigInt(top.toString(2).length)) - 1n;
  const above = { start: Number(top + 1n), end: Number(last + 1n) };
  return { label: 'all', first: 0n, last, mapped: layout.edges(layout.all), reserved: edgesOf([...windows, above]) };
}

/** The cluster and some of what is behind it, at a power of two of bytes for a character. */
function closeUp(layout: IovaLayout, cluster: Stretch, windows: readonly Window[]): AddressBar {
  const [start, end] = [layout.start(cluster), layout.end(cluster)];
  let each = 16;
  let first = start - (start % (each * 4));
  while (first + each * CELLS < end + (end - start) / 8) {
    each *= 2;
    first = start - (start % (each * 4));
  }
  const count = cluster.to - cluster.from;
  return {
    label: count === 1 ? (layout.mappings[cluster.from]?.name ?? '') : `${count} mappings`,
    first: BigInt(first),
    last: BigInt(first) + BigInt(each * CELLS) - 1n,
    mapped: layout.edges(cluster),
    reserved: edgesOf(windows),
  };
}

function rowsOf(layout: IovaLayout, windows: readonly Window[], all: boolean): Cells[] {
  /** A hole for every group but the last, at the most. */
  const fit = (groups: readonly Stretch[]): boolean => 2 * groups.length - 1 + windows.length <= MOST_ROWS;
  let groups: Stretch[] = [];
  if (all || 2 * layout.mappings.length - 1 + windows.length <= MOST_ROWS) groups = layout.split(() => true);
  else {
    groups = layout.split((index) => !layout.continues(index));
    if (!fit(groups)) {
      const narrow = layout.widthOfNarrow(Math.floor((MOST_ROWS - windows.length) / 2) - 1);
      groups = layout.split((index) => (layout.holes[index] ?? 0) > narrow);
    }
  }
  const rows = windows.map((window) => ({ start: window.start, cells: windowCells(window) }));
  for (const [nth, group] of groups.entries()) {
    rows.push({ start: layout.start(group), cells: groupCells(layout, group) });
    const next = groups[nth + 1];
    if (next === undefined) continue;
    const hole = { start: layout.end(group), end: layout.start(next) };
    const free = freeIn(hole, windows);
    if (free > 0) rows.push({ start: hole.start, cells: holeCells(hole, free) });
  }
  return rows.toSorted((a, b) => a.start - b.start).map(({ cells }) => cells);
}

function groupCells(layout: IovaLayout, group: Stretch): Cells {
  const members = layout.mappings.slice(group.from, group.to);
  const [first, last] = [members[0], members.at(-1)];
  if (first === undefined || last === undefined) return {};
  const { length: count } = members;
  const bytes = members.reduce((sum, { size }) => sum + size, 0);
  const gaps = layout.end(group) - layout.start(group) - bytes;
  const note = [
    ...(members.every(({ kind }) => kind === first.kind) ? kindNote(first) : []),
    ...(first.guard > 0 && count === 1 ? [`guards of ${bytesText(first.guard)} on both sides`] : []),
    ...(gaps > 0 ? [`${roundBytes(gaps)} of holes among them`] : []),
  ];
  const what = count === 1 ? first.name : `${count} mappings, ${first.name} to ${last.name}`;
  return {
    iova: [{ text: rangeText(layout.start(group), layout.end(group)), role: 'address' }],
    size: bytesText(bytes),
    what: [{ text: what, role: 'name' }],
    prot: members.every(({ prot }) => prot === first.prot) ? allowed(first) : 'various',
    note: note.join(', '),
  };
}

function kindNote({ kind }: Mapped): string[] {
  if (kind === 'buffer') return [];
  return [kind === 'file' ? 'file' : 'array of JavaScript'];
}

function allowed({ prot }: Mapped): string {
  return prot === 'rw' ? 'read, write' : prot === 'r' ? 'read' : 'write';
}

/** Bytes of a hole that are not in a window. */
function freeIn(hole: Window, windows: readonly Window[]): number {
  const shared = (window: Window): number => Math.min(window.end, hole.end) - Math.max(window.start, hole.start);
  return windows.reduce((free, window) => free - Math.max(0, shared(window)), hole.end - hole.start);
}

function holeCells({ start, end }: Window, free: number): Cells {
  return {
    iova: [{ text: rangeText(start, end), role: 'dim' }],
    size: roundBytes(free),
    what: [{ text: 'free', role: 'dim' }],
  };
}

function windowCells({ start, end }: Window): Cells {
  return {
    iova: [{ text: rangeText(start, end), role: 'warning' }],
    size: roundBytes(end - start),
    what: [{ text: 'not usable', role: 'warning' }],
    note: 'reserved, or no IOVA range',
  };
}

function rangeText(start: number, end: number): string {
  return `0x${BigInt(start).toString(16)}..0x${BigInt(end).toString(16)}`;
}
