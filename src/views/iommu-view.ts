import type { IommuDescription } from '../vfio/iommu/description.js';
import type { IommuGroup } from '../vfio/iommu/group-list.js';
import type { IommuUnit } from '../vfio/iommu/unit.js';
import { bytesText, countText } from './numbers.js';
import type { AllView, FieldsView, TableView, View } from './view.js';

type Fields = FieldsView['fields'];

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Half open, as ranges are in the command language. */
function range({ first, last }: { readonly first: bigint; readonly last: bigint }): string {
  return `${hex(first)}..${hex(last + 1n)}`;
}

/** The sizes in a mask of page sizes. */
function pageSizeText(mask: bigint): string {
  const sizes: string[] = [];
  for (let bit = 0n; bit < 64n; bit++) if (((mask >> bit) & 1n) === 1n) sizes.push(bytesText(1n << bit));
  return sizes.length > 6 ? `${sizes.slice(0, 3).join(', ')} ... ${sizes.at(-1) ?? ''}` : sizes.join(', ');
}

const kindNames: Readonly<Record<IommuUnit['kind'], string>> = {
  'vt-d': 'Intel VT-d',
  'amd-vi': 'AMD-Vi',
  smmuv3: 'Arm SMMUv3',
  smmuv2: 'Arm SMMUv2',
  'virtio-iommu': 'virtio-iommu',
  'riscv-iommu': 'RISC-V IOMMU',
  other: '',
};

const reservedWords: Readonly<Record<string, string>> = {
  direct: 'mapped one to one for the firmware',
  'direct-relaxable': 'mapped one to one for the firmware, but not under VFIO',
  reserved: 'reaches no memory',
  msi: 'writes become interrupts',
};

/** What is known of the IOMMU behind the device `name`, with its capabilities as a second part. */
export function iommuView(name: string, description: IommuDescription): AllView {
  const { capabilities, source } = description;
  const views: View[] = [
    { kind: 'fields', title: name, fields: descriptionFields(description), data: { ...description } },
  ];
  const reserved = description.group?.reserved ?? [];
  if (reserved.length > 0) {
    views.push({
      kind: 'table',
      title: 'reserved IOVA',
      columns: [
        { key: 'range', header: 'range' },
        { key: 'kind', header: 'kind' },
        { key: 'meaning', header: 'what it is' },
      ],
      rows: reserved.map((region) => ({
        range: range(region),
        kind: region.kind,
        meaning: reservedWords[region.kind] ?? '',
      })),
      data: reserved,
    });
  }
  if (capabilities !== undefined) {
    views.push({
      kind: 'table',
      title: `what the IOMMU can do (${source ?? ''})`,
      columns: [
        { key: 'name', header: 'capability' },
        { key: 'value', header: 'value' },
        { key: 'field', header: 'register' },
      ],
      rows: capabilities.items.map((item) => ({ name: item.name, value: item.value, field: item.field })),
      data: capabilities.items,
    });
  }
  return { kind: 'all', views };
}

function descriptionFields(description: IommuDescription): Fields {
  const { via, what, unit, group, limits, limitsFailure, locked, mapped, dirtyTracking } = description;
  const fields: { label: string; value: string; note?: string }[] = [
    { label: 'IOMMU', value: what, ...(unit !== undefined && { note: unitText(unit) }) },
    { label: 'way in', value: wayIn[via] },
  ];
  if (group !== undefined) fields.push(...groupFields(group));
  if (limits !== undefined) {
    const ranges = limits.ranges.map(range).join(', ');
    fields.push(
      { label: 'usable IOVA', value: ranges || (via === 'snapshot' ? 'none' : 'any: nobody tells a limit') },
      { label: 'page sizes', value: pageSizes(description) },
    );
  }
  if (limitsFailure !== undefined) fields.push({ label: 'limits', value: limitsFailure });
  const left = limits?.entriesLeft;
  fields.push({
    label: 'mapped',
    value: mapped.count === 0 ? 'nothing' : `${bytesText(mapped.bytes)} in ${countText(mapped.count, 'mapping')}`,
    ...(left !== undefined && { note: `${countText(left, 'further mapping')} can be made` }),
  });
  if (locked !== undefined) {
    const limit = locked.limit === Infinity ? 'no limit' : `limit ${bytesText(locked.limit)} (RLIMIT_MEMLOCK)`;
    fields.push({
      label: 'locked memory',
      value: `${bytesText(locked.used)} in use, ${limit}`,
      ...(locked.exempt && locked.limit !== Infinity && { note: 'CAP_IPC_LOCK lifts the limit' }),
    });
  }
  if (dirtyTracking !== undefined) {
    fields.push({ label: 'dirty pages', value: dirtyTracking ? 'tracked by the IOMMU' : 'not tracked by the IOMMU' });
  }
  return fields;
}

const wayIn: Readonly<Record<IommuDescription['via'], string>> = {
  group: 'group: a container with the type1 IOMMU, version 2',
  cdev: 'cdev: an address space of iommufd',
  'vfio-user': 'vfio-user',
  snapshot: 'snapshot',
};

/** iommufd tells the smallest page only; the registers tell the others. */
function pageSizes({ limits, capabilities, via }: IommuDescription): string {
  const mask = limits?.pageSizes ?? 0n;
  const known = capabilities?.pageSizes ?? [];
  if (via === 'cdev' && known.length > 0) return known.map(bytesText).join(', ');
  if (mask === 0n) return 'not told';
  return via === 'cdev' ? `${pageSizeText(mask)} and multiples` : pageSizeText(mask);
}

function unitText({ kind, version, address, domains }: IommuUnit): string {
  const parts = [
    `${kindNames[kind]}${version === undefined ? '' : ` ${version}`}`.trim(),
    ...(address === undefined ? [] : [`registers at ${hex(address)}`]),
    ...(domains === undefined ? [] : [`${domains.used} of ${domains.supported} domains in use`]),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function groupFields(group: IommuGroup): { label: string; value: string; note?: string }[] {
  const members = group.members.map(({ name, driver }) => `${name} (${driver ?? 'no driver'})`);
  return [
    {
      label: 'group',
      value: group.number,
      note: group.noIommu ? 'made up by VFIO: there is no IOMMU' : `default domain ${group.type ?? 'not told'}`,
    },
    { label: 'members', value: members.join(', ') || 'none' },
    { label: 'viable', value: viability(group) },
  ];
}

function viability({ blockers }: IommuGroup): string {
  if (blockers.length === 0) return 'yes';
  return `no: ${blockers.map(({ name, driver }) => `${name} has the driver ${driver}`).join(', ')}`;
}

/** Every group with its members, one a line. `waiting` are devices that get a group when a driver first probes them. */
export function groupsView(groups: readonly IommuGroup[], waiting: readonly string[], empty: string): View {
  const table: TableView = {
    kind: 'table',
    columns: [
      { key: 'group', header: 'group', align: 'right' },
      { key: 'type', header: 'domain' },
      { key: 'device', header: 'device' },
      { key: 'bus', header: 'bus' },
      { key: 'driver', header: 'driver' },
      { key: 'viable', header: 'VFIO', shrink: true },
    ],
    rows: groups.flatMap((group) =>
      group.members.map((member, nth) => ({
        group: nth === 0 ? group.number : '',
        type: nth === 0 ? (group.noIommu ? 'no IOMMU' : (group.type ?? '-')) : '',
        device: member.name,
        bus: member.bus ?? '-',
        driver: member.driver ?? '-',
        viable: nth === 0 ? (group.blockers.length === 0 ? 'viable' : `not viable: ${blockerNames(group)}`) : '',
      })),
    ),
    empty,
    data: groups,
  };
  if (waiting.length === 0) return table;
  const line = `no group yet, until a driver first probes them: ${waiting.join(', ')}`;
  return { kind: 'all', views: [table, { kind: 'text', lines: [line] }] };
}

function blockerNames({ blockers }: IommuGroup): string {
  return blockers.map(({ name, driver }) => `${name} (${driver})`).join(', ');
}
