import type { Leaf } from '../vfio/iommu/page-table.js';
import type { Translation, Verification } from '../vfio/iommu/iommu.js';
import type { Difference } from '../vfio/iommu/verify.js';
import { bytesText } from './numbers.js';
import type { Span, TableView, View } from './view.js';

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
  const lines: (string | readonly Span[])[] = [
    neighbours.at === undefined ? `not mapped: ${whereabouts}` : `${whereabouts}, mapped ${neighbours.at.prot}`,
  ];
  if (reserved !== undefined) {
    lines.push(`reserved (${reserved.kind}): ${hex(reserved.first)}..${hex(reserved.last + 1n)}`);
  } else if (!usable) lines.push('outside of the ranges that can be mapped');
  const data = { ...translation, whereabouts };
  if ('why' in tables) {
    lines.push([
      { text: `page tables: ${tables.why}${tables.hint === undefined ? '' : `; ${tables.hint}`}`, role: 'dim' },
    ]);
    return { kind: 'all', views: [{ kind: 'text', lines }] };
  }
  const { leaf, damaged } = tables;
  if (leaf === undefined) {
    const isWrong = neighbours.at !== undefined;
    lines.push([{ text: 'page tables: no entry translates it', role: isWrong ? 'fault' : 'plain' }]);
  }
  if (damaged > 0) lines.push(`${damaged} lines of ${tables.file} make no sense and were passed over`);
  if (leaf === undefined) return { kind: 'text', lines };
  const physical = leaf.physical + (iova - leaf.iova);
  lines.push([
    {
      text: `page tables: physical ${hex(physical)}, in a page of ${bytesText(leaf.size)}, ${rights(leaf)}`,
      role: 'plain',
    },
  ]);
  return { kind: 'all', views: [{ kind: 'text', lines }, levelTable(leaf, iova, data)] };
}

/** The entries from the root to the leaf. */
function levelTable(leaf: Leaf, iova: bigint, data: unknown): TableView {
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
    data,
  };
}

const meanings: Readonly<Record<Difference['kind'], string>> = {
  missing: 'mapped here, but the IOMMU does not translate it',
  extra: 'the IOMMU translates it, but it is not mapped here',
  permission: 'other rights',
  physical: "it leads to memory that is not the buffer's",
};

function plural(count: number, one: string, many = `${one}s`): string {
  if (one === '') return String(count);
  return `${count} ${count === 1 ? one : many}`;
}

/** What a comparison of the mappings with the IOMMU's tables found. */
export function verificationView(verification: Verification): View {
  const { differences, unlisted, mappings, leaves, physicalPages, unknownPages, kernelOwn, alsoReadable, damaged } =
    verification;
  const sizes = [...leaves].toSorted(([a], [b]) => a - b);
  const pages = sizes.map(([size, count], nth) => `${plural(count, nth === 0 ? 'page' : '')} of ${bytesText(size)}`);
  const found = differences.length + unlisted;
  const lines: (string | readonly Span[])[] = [
    [
      {
        text: `${found === 0 ? 'no difference' : plural(found, 'difference')}: ${plural(mappings, 'mapping')}, ${pages.join(' and ') || 'no page'} in the tables`,
        role: found === 0 ? 'good' : 'fault',
      },
    ],
  ];
  if (physicalPages > 0) lines.push(`${plural(physicalPages, 'physical address', 'physical addresses')} compared`);
  if (unknownPages > 0) {
    lines.push(`the physical addresses of ${unknownPages} pages are not told (/proc/self/pagemap wants CAP_SYS_ADMIN)`);
  }
  if (alsoReadable > 0n) {
    lines.push(`${hex(alsoReadable)} bytes mapped for writing alone can be read too: Linux cannot forbid it on VT-d`);
  }
  if (kernelOwn > 0n) lines.push(`${hex(kernelOwn)} bytes in reserved windows are the kernel's own`);
  if (damaged > 0) lines.push([{ text: `${damaged} lines of ${verification.file} make no sense`, role: 'warning' }]);
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
