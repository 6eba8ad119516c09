import type { Device } from '../../vfio/device.js';
import { RegisterSet } from '../../vfio/registers/register-set.js';
import type { SnapshotDifferences } from '../../vfio/snapshot/compare.js';
import type { Image } from '../../vfio/snapshot/image.js';
import { countText, hexValue, place } from '../../views/numbers.js';
import type { Column, TableView, View } from '../../views/view.js';
import { defaulted, file, integer, optional } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { turns } from '../field-text.js';

/** What the device has now, of all that `of` has: what must not be read is left out. */
async function liveImage(context: Context, device: Device, of: Image): Promise<Image> {
  const [{ takeSnapshot }, { imageOf }] = await Promise.all([
    import('../../vfio/snapshot/take.js'),
    import('../../vfio/snapshot/image.js'),
  ]);
  const regions = [...of.regions.values()].flatMap(({ index, kept }) => {
    const region = device.regions.find((one) => one.index === index);
    if (region === undefined || !region.readable) return [];
    const inside = kept.ranges().flatMap(([start, end]): [number, number][] => {
      const until = Math.min(end, region.size);
      return start < until ? [[start, until]] : [];
    });
    return [{ region, ranges: inside }];
  });
  const [first] = of.regions.values();
  const taken = await takeSnapshot(device, {
    regions,
    signal: context.signal,
    progress: (done, total) => context.progress(`${Math.floor((done / total) * 100)} % of ${total} words read`),
    ...(first && { width: first.width }),
  });
  return imageOf(taken, device.name);
}

/** The maps of all of them, those of the device last: where they say something else of a name, it is they that are meant. */
function registersOf(images: readonly Image[], device: Device | undefined): RegisterSet {
  const all = new RegisterSet();
  for (const { registers } of images) for (const map of registers.maps) all.add(map);
  for (const map of device?.registers.maps ?? []) all.add(map);
  return all;
}

/** Differences that one answer has at the most. */
const MOST = 100_000;

function moreOf(limit: number): string {
  return limit >= MOST ? `${MOST} are the most that are shown` : `--limit ${Math.min(limit * 10, MOST)} shows more`;
}

function differencesView(a: Image, b: Image, found: SnapshotDifferences, limit: number): View {
  const { places, count, compared, oneSided, oneSidedCount, states } = found;
  const columns: readonly Column[] = [
    { key: 'place', header: 'place' },
    { key: 'a', header: a.name },
    { key: 'b', header: b.name },
    { key: 'fields', header: '', shrink: true },
  ];
  const shown = places.map((one) => {
    const { space, offset, width, register } = one;
    const name = register === undefined ? place(space, offset) : `${space}.${register.path}`;
    return { ...one, name, fields: register === undefined ? [] : turns(register, one.a, one.b), width };
  });
  const rows = [
    ...shown.map(({ name, a: left, b: right, width, fields }) => ({
      place: name,
      a: hexValue(left, width),
      b: hexValue(right, width),
      fields: fields.map((field) => `${field.name} ${field.old} -> ${field.new}`).join(', '),
    })),
    ...states.map(({ what, a: left, b: right }) => ({ place: what, a: left, b: right, fields: '' })),
  ];
  const table: TableView = {
    kind: 'table',
    columns,
    rows,
    empty: compared === 0 ? 'there is nothing that both have' : `${compared} bytes are the same`,
  };
  const range = (start: number, end: number): string => `0x${start.toString(16)}..0x${end.toString(16)}`;
  const notes = [
    ...oneSided.map(({ space, start, end, only, reason }) => {
      const [has, lacks] = only === 'a' ? [a.name, b.name] : [b.name, a.name];
      return `only in ${has}: ${space} ${range(start, end)}; not in ${lacks}: ${reason}`;
    }),
    ...(oneSidedCount > oneSided.length
      ? [`${oneSidedCount - oneSided.length} more stretches that only one has; ${moreOf(limit)}`]
      : []),
    ...(count > 0
      ? [`${countText(count, 'place')} differ${count === 1 ? 's' : ''}; ${compared} bytes were compared`]
      : []),
    ...(count > places.length ? [`${count - places.length} more; ${moreOf(limit)}`] : []),
  ];
  const data = {
    kind: 'diff',
    a: a.name,
    b: b.name,
    compared,
    differ: count,
    places: shown.map(({ name, space, offset, width, a: left, b: right, fields }) => ({
      name,
      space,
      offset,
      width,
      a: left,
      b: right,
      ...(fields.length > 0 && {
        fields: fields.map(({ name: field, old, new: now }) => ({ name: field, a: old, b: now })),
      }),
    })),
    states,
    oneSided,
    oneSidedCount,
  };
  const views: readonly View[] = notes.length === 0 ? [table] : [table, { kind: 'text', prose: true, lines: notes }];
  return { kind: 'all', views, data };
}

export const commands = [
  defineCommand({
    name: 'diff',
    group: 'registers',
    summary: 'show what differs between two snapshots, or between a snapshot and the device',
    details:
      'Compares by registers and their fields where maps know them, by words elsewhere; and the states of interrupts and the DMA mappings. ' +
      'With one file the device is read, each place once, where the file has something to compare with and reading changes nothing. ' +
      'Two files are compared without any access. $_ is the number of places that differ.',
    arguments: { a: file('a snapshot'), b: optional(file('another; the device, if left out')) },
    flags: { limit: defaulted(integer('differences to show at the most', { least: 1, most: MOST }), 1000) },
    effect: 'read',
    needs: 'nothing',
    examples: [
      {
        line: 'diff /tmp/before.json',
        says: 'what the device has done since',
        device: 'sim:sram',
        after: ['snapshot /tmp/before.json region1', 'poke region1 0x8 5'],
      },
      {
        line: 'diff /tmp/before.json /tmp/after.json',
        says: 'two moments of a device',
        device: 'sim:sram',
        after: ['snapshot /tmp/before.json region1', 'set CTRL EN=1', 'snapshot /tmp/after.json region1'],
      },
    ],
    async run(context, { arguments: { a: path, b: other }, flags: { limit } }): Promise<View> {
      const [{ readImage }, { compareImages }] = await Promise.all([
        import('../../vfio/snapshot/image.js'),
        import('../../vfio/snapshot/compare.js'),
      ]);
      const a = readImage(path);
      await context.breathe();
      const device = other === undefined ? context.session.requireDevice() : undefined;
      const b = device === undefined ? readImage(other ?? '') : await liveImage(context, device, a);
      if (device !== undefined) context.needValues();
      const breathe = (): Promise<void> => context.breathe();
      const found = await compareImages(a, b, registersOf([a, b], device), { limit, breathe });
      context.session.last = BigInt(found.count);
      return differencesView(a, b, found, limit);
    },
  }),
];
