import type { Leaf } from '../vfio/iommu/page-table.js';
import type { Translation, Verification } from '../vfio/iommu/iommu.js';
import type { Difference } from '../vfio/iommu/verify.js';
import { bytesText, countText } from './numbers.js';
import type { Cell, Span, TableView, View } from './view.js';

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

const levels = ['PML5E', 'PML4E', 'PDPE', 'PDE', 'PTE'];
const shifts = [48n, 39n, 30n, 21n, 12n];
const ADDRESS = 0x000f_ffff_ffff_f000n;

function rights({ readable, writable }: { readonly readable: boolean; readonly writable: boolean }): string {
  return `${readable ? 'r' : ''}${writable ? 'w' : ''}` || 'none';
}

/** Where an IOVA leads: `whereabouts` says what the mappings know of it; below, what the IOMMU's own tables say. */
export function translationView(translation: Translation, whereabouts: string): View {
  const { iova, neighbours, reserved, usable, tables } = translation;
  const { at, below, above } = neighbours;
  const fields: { label: string; value: Cell; note?: string }[] = [];
  if (at !== undefined) fields.push({ label: 'mapping', value: whereabouts, note: `mapped ${at.prot}` });
  else fields.push({ label: 'mapping', value: 'none', ...((below ?? above) && { note: whereabouts }) });
  if (reserved !== undefined) {
    const place = `${hex(reserved.first)}..${hex(reserved.last + 1n)}`;
    fields.push({ label: 'reserved', value: place, note: reserved.kind });
  } else if (!usable) fields.push({ label: 'range', value: 'outside of the ranges that can be mapped' });
  fields.push(...tableFields(translation));
  const leaf = 'leaf' in tables ? tables.leaf : undefined;
  const view: View = { kind: 'fields', title: hex(iova), fields, data: dataOf(translation, whereabouts) };
  return leaf === undefined ? view : { kind: 'all', views: [view, levelTable(leaf, iova)] };
}

function tableFields({ iova, neighbours, tables }: Translation): { label: string; value: Cell; note?: string }[] {
  if ('why' in tables) {
    const { why, hint } = tables;
    return [{ label: 'page tables', value: `not shown: ${why}`, ...(hint !== undefined && { note: hint }) }];
  }
  const { leaf, damaged, file } = tables;
  const skipped = { label: 'page tables', value: `${countText(damaged, 'line')} of ${file} make no sense` };
  const notes = damaged === 0 ? [] : [skipped];
  if (leaf === undefined) {
    const role = neighbours.at === undefined ? 'plain' : 'fault';
    return [
      { label: 'physical', value: [{ text: 'none: no entry of the page tables translates it', role }] },
      ...notes,
    ];
  }
  const physical = hex(leaf.physical + (iova - leaf.iova));
  return [
    { label: 'physical', value: physical, note: `in a page of ${bytesText(leaf.size)}, ${rights(leaf)}` },
    ...notes,
  ];
}

function dataOf({ iova, neighbours, reserved, usable, tables }: Translation, whereabouts: string): object {
  const mapping = neighbours.at;
  const leaf = 'leaf' in tables ? tables.leaf : undefined;
  return {
    iova,
    whereabouts,
    mapping:
      mapping === undefined ? null : { name: mapping.name, iova: mapping.iova, size: mapping.size, prot: mapping.prot },
    reserved: reserved ?? null,
    usable,
    physical: leaf === undefined ? null : leaf.physical + (iova - leaf.iova),
    leaf: leaf ?? null,
    tables: 'why' in tables ? null : tables.file,
    reason: 'why' in tables ? tables.why : null,
  };
}

/** The entries from the root to the leaf. */
function levelTable(leaf: Leaf, iova: bigint): TableView {
  const last = leaf.path.findLastIndex((entry) => entry !== 0n);
  const rows = leaf.path.flatMap((entry, level) => {
    if (entry === 0n) return [];
    const size = 1 << 9;
    return [
      {
        level: levels[level] ?? '',
        index: String(Number((iova >> (shifts[level] ?? 0n)) & BigInt(size - 1))),
        entry: `0x${entry.toString(16).padStart(16, '0')}`,
        rights: rights({ readable: (entry & 1n) !== 0n, writable: (entry & 2n) !== 0n }),
        leads:
          level === last
            ? `the page of ${bytesText(leaf.size)} at ${hex(leaf.physical)}`
            : `the table at ${hex(entry & ADDRESS)}`,
      },
    ];
  });
  return {
    kind: 'table',
    columns: [
      { key: 'level', header: 'level' },
      { key: 'index', header: 'index', align: 'right' },
      { key: 'entry', header: 'entry' },
      { key: 'rights', header: 'rights' },
      { key: 'leads', header: 'leads to' },
    ],
    rows,
  };
}

const meanings: Readonly<Record<Difference['kind'], string>> = {
  missing: 'mapped here, but the IOMMU does not translate it',
  extra: 'the IOMMU translates it, but it is not mapped here',
  permission: 'other rights',
  physical: "it leads to memory that is not the buffer's",
};

/** What a comparison of the mappings with the IOMMU's tables found. */
export function verificationView(verification: Verification): View {
  const { differences, unlisted, mappings, leaves, physicalPages, unknownPages, kernelOwn, alsoReadable, damaged } =
    verification;
  const sizes = [...leaves].toSorted(([a], [b]) => a - b);
  const pages = sizes.map(
    ([size, count], nth) => `${nth === 0 ? countText(count, 'page') : count} of ${bytesText(size)}`,
  );
  const found = differences.length + unlisted;
  const lines: (string | readonly Span[])[] = [
    [
      {
        text: `${found === 0 ? 'no difference' : countText(found, 'difference')}: ${countText(mappings, 'mapping')}, ${pages.join(' and ') || 'no page'} in the tables`,
        role: found === 0 ? 'good' : 'fault',
      },
    ],
  ];
  if (physicalPages > 0) lines.push(`${countText(physicalPages, 'physical address', 'physical addresses')} compared`);
  if (unknownPages > 0) {
    lines.push(
      `not compared, for /proc/self/pagemap wants CAP_SYS_ADMIN: the physical addresses of ${countText(unknownPages, 'page')}`,
    );
  }
  if (alsoReadable > 0n) {
    lines.push(`${bytesText(alsoReadable)} mapped for writing alone can be read too: Linux cannot forbid it on VT-d`);
  }
  if (kernelOwn > 0n) lines.push(`${bytesText(kernelOwn)} in reserved windows are the kernel's own`);
  if (damaged > 0)
    lines.push([
      {
        text: `passed over, for making no sense: ${countText(damaged, 'line')} of ${verification.file}`,
        role: 'warning',
      },
    ]);
  const summary: View = { kind: 'text', lines };
  if (differences.length === 0) return summary;
  const table: TableView = {
    kind: 'table',
    columns: [
      { key: 'range', header: 'IOVA' },
      { key: 'mapping', header: 'mapping' },
      { key: 'kind', header: 'difference' },
      { key: 'found', header: 'tables' },
      { key: 'expected', header: 'expected' },
      { key: 'meaning', header: 'what it means', shrink: true },
    ],
    rows: differences.map(({ kind, first, last, mapping, found: is, expected }) => ({
      range: `${hex(first)}..${hex(last + 1n)}`,
      mapping: mapping ?? '-',
      kind,
      found: is ?? '-',
      expected: expected ?? '-',
      meaning: meanings[kind],
    })),
    data: differences,
  };
  return { kind: 'all', views: [table, summary] };
}
