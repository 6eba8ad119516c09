import type { RegionInfo } from './transport/transport.js';

/** A stretch of a region that is reached one way: byte offsets [start, end), the path, and why it is that path. */
export interface Window {
  readonly start: number;
  readonly end: number;
  readonly path: 'mapped' | 'file' | 'message' | 'snapshot';
  readonly why: string;
}

export interface WindowRules {
  readonly info: RegionInfo;
  /** The path that is left where nothing is mapped. */
  readonly otherwise: 'file' | 'message' | 'snapshot';
  readonly pageSize: number;
  /** Why nothing may be mapped at all, where that is so. */
  readonly unmapped?: string;
  /** The MSI-X table where it lies in this region and its page must not be mapped: byte offset and size. */
  readonly msixTable?: { readonly offset: number; readonly size: number };
}

/**
 * Splits a region into windows by the path that reaches them, from what VFIO_DEVICE_GET_REGION_INFO says: its sparse areas, else all of it, less
 * the MSI-X table's pages and less the edges that fill no whole page (mmap works in pages and vfio-pci refuses to go past the end).
 * The windows cover the region without gap or overlap, in order.
 */
export function windowsOf(rules: WindowRules): Window[] {
  const { info, otherwise } = rules;
  const rest = (start: number, end: number, why: string): Window => ({ start, end, path: otherwise, why });
  if (info.size === 0) return [];
  if (rules.unmapped !== undefined) return [rest(0, info.size, rules.unmapped)];
  if (!info.mappable) return [rest(0, info.size, 'VFIO does not offer to map this region')];

  const areas = info.sparse ?? [{ offset: 0, size: info.size }];
  const windows: Window[] = [];
  let at = 0;
  const fill = (end: number, why: string): void => {
    if (end > at) windows.push(rest(at, end, why));
    at = Math.max(at, end);
  };
  const outside = info.sparse ? 'outside the areas that may be mapped' : 'the edge fills no whole page';
  for (const area of areas.toSorted((a, b) => a.offset - b.offset)) {
    const areaEnd = Math.min(area.offset + area.size, info.size);
    const first = Math.ceil(Math.max(area.offset, at) / rules.pageSize) * rules.pageSize;
    const last = Math.floor(areaEnd / rules.pageSize) * rules.pageSize;
    for (const [start, end] of withoutTable(first, last, rules)) {
      fill(start, start === first ? outside : 'the MSI-X table is not to be mapped');
      windows.push({
        start,
        end,
        path: 'mapped',
        why: info.sparse ? 'VFIO offers this area' : 'VFIO offers the region',
      });
      at = end;
    }
    const hidden = rules.msixTable !== undefined && at < last;
    fill(hidden ? last : at, 'the MSI-X table is not to be mapped');
    if (at < areaEnd) fill(areaEnd, 'the edge fills no whole page');
  }
  fill(info.size, outside);
  return windows;
}

/** [first, last) without the pages that the MSI-X table touches. */
function withoutTable(first: number, last: number, { msixTable, pageSize }: WindowRules): [number, number][] {
  if (last <= first) return [];
  if (!msixTable) return [[first, last]];
  const holeStart = Math.floor(msixTable.offset / pageSize) * pageSize;
  const holeEnd = Math.ceil((msixTable.offset + msixTable.size) / pageSize) * pageSize;
  if (holeEnd <= first || holeStart >= last) return [[first, last]];
  const parts: [number, number][] = [
    [first, holeStart],
    [holeEnd, last],
  ];
  return parts.filter(([start, end]) => end > start);
}
