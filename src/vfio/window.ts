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
}

/**
 * Splits a region into windows by the path that reaches them, from what VFIO_DEVICE_GET_REGION_INFO says: its sparse areas (which leave out the
 * page of an MSI-X table on kernels before 4.16), else all of it, less the edges that fill no whole page: mmap works in pages, and
 * vfio-pci refuses to go past the end. The windows cover the region without gap or overlap, in order.
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
    if (last > first) {
      fill(first, outside);
      windows.push({
        start: first,
        end: last,
        path: 'mapped',
        why: info.sparse ? 'VFIO offers this area' : 'VFIO offers the region',
      });
      at = last;
    }
    if (at < areaEnd) fill(areaEnd, 'the edge fills no whole page');
  }
  fill(info.size, outside);
  return windows;
}
