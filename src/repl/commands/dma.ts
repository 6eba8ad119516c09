import { setBusMaster } from '../../vfio/dma/bus-master.js';
import type { Change, DmaBuffer } from '../../vfio/dma/buffer.js';
import type { AllocOptions } from '../../vfio/dma/dma.js';
import '../../vfio/dma/dma.js';
import { HeldBack } from '../../vfio/dma/held-back.js';
import { bytesText, protections } from '../../vfio/dma/mapping.js';
import { VfioError } from '../../vfio/errors.js';
import type { Column, View } from '../../views/view.js';
import { type Argument, choice, defaulted, file, integer, many, optional, text, toggle, value } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { iovaMap } from '../iova-map.js';
import { ExpectationError, UsageError } from '../usage-error.js';

const changeColumns: readonly Column[] = [
  { key: 'place', header: 'place' },
  { key: 'length', header: 'bytes', align: 'right' },
  { key: 'where', header: 'where' },
  { key: 'old', header: 'old' },
  { key: 'new', header: 'new', shrink: true },
];

const mapFlags = {
  iova: optional(value('where it begins for the device; chosen, if left out', 'ADDRESS')),
  prot: optional(choice('what the device may do; rw, but r for files', protections)),
  low: toggle('keep it below 4 GiB, for a device with 32-bit addresses'),
} as const;

/** The name of a DMA buffer that there is. */
function bufferName(summary: string): Argument<string> {
  return { ...text(summary, 'NAME'), complete: (_typed, world) => world.spaceNames.map((name) => ({ text: name })) };
}

function lines(...all: string[]): View {
  return { kind: 'text', lines: all };
}

/** Runs what makes something; in a dry run the gate has noted it, and there is nothing to show. */
function unlessHeldBack<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch (error) {
    if (error instanceof HeldBack) return undefined;
    throw error;
  }
}

/** Where the device finds a buffer, and what keeps it from getting there. */
function mappedView({ device }: Context<'device'>, buffer: DmaBuffer | undefined): View | void {
  const { iova, mapping } = buffer ?? {};
  if (buffer === undefined || iova === undefined || mapping === undefined || device.gate.planning) return undefined;
  const { name, size, guard, kind } = buffer;
  const end = iova + BigInt(mapping.size - 2 * guard);
  const guards = guard === 0 ? '' : `, guards of ${bytesText(guard)} on both sides`;
  const where = `${bytesText(size)} at IOVA 0x${iova.toString(16)}..0x${end.toString(16)}, ${mapping.prot}${guards}`;
  const busMaster = device.readBusMaster();
  const off = { label: 'note', value: 'bus mastering is off, so the device cannot reach it: dma enable' };
  return {
    kind: 'fields',
    fields: [{ label: name, value: where }, ...(busMaster === false ? [off] : [])],
    data: { name, iova, size, prot: mapping.prot, kind, guard, busMaster },
  };
}

/** The buffers that are named, or all of them, the last made first. */
function chosen({ device }: Context<'device'>, names: readonly string[], all: boolean): readonly DmaBuffer[] {
  if (all && names.length === 0) return device.dma.buffers.toReversed();
  if (names.length === 0 || all) throw new UsageError('give either names or --all', undefined);
  return names.map((name) => device.dma.find(name));
}

/** Does something to each of the buffers, with looks at the event loop between them. */
async function toEach(
  context: Context<'device'>,
  buffers: readonly DmaBuffer[],
  verb: string,
  act: (buffer: DmaBuffer) => void,
): Promise<View> {
  const EACH_TIME = 64;
  for (const [index, buffer] of buffers.entries()) {
    act(buffer);
    if ((index + 1) % EACH_TIME !== 0) continue;
    context.progress(`${index + 1} of ${buffers.length} buffers ${verb}`);
    await context.breathe();
  }
  const names = buffers.slice(0, 8).map(({ name }) => name);
  if (buffers.length > names.length) names.push(`and ${buffers.length - names.length} more`);
  return lines(buffers.length === 0 ? 'there are no buffers' : `${names.join(', ')}: ${verb}`);
}

/** 'ring+0x40', 'ring-0x8'. */
function changePlace(name: string, offset: number): string {
  return offset < 0 ? `${name}-0x${(-offset).toString(16)}` : `${name}+0x${offset.toString(16)}`;
}

function hexBytes(bytes: Uint8Array, length: number): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return length > bytes.length ? `${digits} ...` : digits;
}

/** The first `limit` of the changes, and what they come to. */
function changesView(buffer: DmaBuffer, changes: readonly Change[], changed: number, limit: number): View {
  const { name } = buffer;
  const shown = changes.slice(0, limit);
  const table: View = {
    kind: 'table',
    columns: changeColumns,
    rows: shown.map(({ offset, length, where, old, new: now }) => ({
      place: changePlace(name, offset),
      length: String(length),
      where,
      old: hexBytes(old, length),
      new: hexBytes(now, length),
    })),
    empty: `${name}: nothing has changed`,
    data: { name, changed, runs: changes },
  };
  if (changes.length === 0) return table;
  const guards = changes.filter(({ where }) => where !== 'buffer').length;
  const runs = `${changed} ${changed === 1 ? 'byte' : 'bytes'} in ${changes.length} ${changes.length === 1 ? 'run' : 'runs'}`;
  const more = changes.length > shown.length ? '; --limit shows more' : '';
  const caught = guards === 0 ? [] : [`${name}: the device wrote outside of the buffer: ${guards} in its guards`];
  return { kind: 'all', views: [table, lines(`${name}: ${runs} changed${more}`, ...caught)] };
}

/** JavaScript for what was asked beside the name: '{ iova: 0x100000n, low: true }'. */
function jsOptions(options: AllocOptions): string {
  const parts = [
    ...(options.iova === undefined ? [] : [`iova: 0x${options.iova.toString(16)}n`]),
    ...(options.prot === undefined || options.prot === 'rw' ? [] : [`prot: '${options.prot}'`]),
    ...(options.low === true ? ['low: true'] : []),
    ...(options.huge === true ? ['huge: true'] : []),
    ...(options.guard === true ? ['guard: true'] : []),
  ];
  return parts.length === 0 ? '' : `, { ${parts.join(', ')} }`;
}

const untilFreed = 'It stays until it is freed, or the device is closed.';

export const commands = [
  defineCommand({
    name: 'dma alloc',
    group: 'dma',
    summary: 'make a buffer of zeros and map it for the device',
    details:
      'The buffer is a space of its name: peek, poke, dump, fill, find, compare, save and load work on it; iova reaches it by the ' +
      `address that the device uses. ${untilFreed} SIZE is whole pages. The IOVA is the lowest that is usable and free above 1 MiB, ` +
      'aligned to the size up to 2 MiB. --guard puts a poisoned page on each side, mapped as well: dma check tells whether the ' +
      'device wrote there. What would not fit is refused before the kernel is asked, with the numbers.',
    arguments: {
      name: text('what it is to be called', 'NAME'),
      size: integer('bytes, whole pages: 64K', { least: 1, label: 'SIZE' }),
    },
    flags: {
      ...mapFlags,
      huge: toggle('make it of huge pages'),
      guard: toggle('put a poisoned, mapped page on each side'),
    },
    effect: 'dma',
    needs: 'device',
    examples: [
      { line: 'dma alloc ring 64K', says: 'a buffer called ring', device: 'sim:edu' },
      {
        line: 'dma alloc ring 64K --iova 0x200000 --guard; dump ring 0 64B',
        says: 'at an address of your choosing, with guards',
        device: 'sim:edu',
      },
    ],
    run: (context, { arguments: { name, size }, flags }): View | void =>
      mappedView(
        context,
        unlessHeldBack(() => context.device.dma.alloc(name, size, flags)),
      ),
    toJs: ({ arguments: { name, size }, flags }) => `device.dma.alloc('${name}', ${size}${jsOptions(flags)})`,
  }),

  defineCommand({
    name: 'dma map',
    group: 'dma',
    summary: 'map a file, or a buffer that was unmapped, for the device',
    details:
      'A file is mapped for reading, unless --prot says otherwise: what the device writes is in the file then, and the kernel allows ' +
      'that only for files in memory (tmpfs such as /dev/shm, hugetlbfs). It is called by its file name up to the first dot, unless --name says otherwise. ' +
      untilFreed,
    arguments: {
      what: { ...file('a file, or the name of a buffer'), label: 'FILE|NAME' },
    },
    flags: { name: optional(text("what a file's memory is to be called", 'NAME')), ...mapFlags },
    effect: 'dma',
    needs: 'device',
    examples: [
      {
        line: 'dma map ring --iova 0x400000',
        says: 'a buffer at another address, with what is in it',
        device: 'sim:edu',
        after: ['dma alloc ring 64K', 'dma unmap ring'],
      },
      {
        line: 'dma map /tmp/vfiodbg-firmware.bin --name firmware',
        says: 'a file that the device may read',
        device: 'sim:edu',
        after: ['dma alloc blob 4K', 'save blob /tmp/vfiodbg-firmware.bin'],
      },
    ],
    run(context, { arguments: { what }, flags }): View | void {
      const { dma } = context.device;
      const known = dma.has(what);
      if (known && flags.name !== undefined) {
        throw new UsageError('a buffer keeps its name', undefined, 'leave --name out');
      }
      return mappedView(
        context,
        unlessHeldBack(() => (known ? dma.map(dma.find(what), flags) : dma.mapFile(what, flags))),
      );
    },
    toJs: ({ arguments: { what }, flags }) => `device.dma.mapFile('${what}'${jsOptions(flags)})`,
  }),

  defineCommand({
    name: 'dma unmap',
    group: 'dma',
    summary: 'take buffers away from the device and keep their memory',
    arguments: { names: many(bufferName('a buffer')) },
    flags: { all: toggle('every buffer that is mapped') },
    effect: 'dma',
    needs: 'device',
    examples: [
      {
        line: 'dma unmap ring',
        says: 'the device cannot reach it any more',
        device: 'sim:edu',
        after: ['dma alloc ring 64K'],
      },
    ],
    run(context, { arguments: { names }, flags }): Promise<View> {
      const buffers = chosen(context, names, flags.all).filter(({ mapping }) => !flags.all || mapping !== undefined);
      return toEach(context, buffers, 'unmapped', (buffer) => buffer.unmap());
    },
  }),

  defineCommand({
    name: 'dma free',
    group: 'dma',
    summary: 'take buffers away from the device and give their memory back',
    arguments: { names: many(bufferName('a buffer')) },
    flags: { all: toggle('every buffer') },
    effect: 'dma',
    needs: 'device',
    examples: [
      { line: 'dma free ring', says: 'nothing is left of it', device: 'sim:edu', after: ['dma alloc ring 64K'] },
    ],
    run: (context, { arguments: { names }, flags }): Promise<View> =>
      toEach(context, chosen(context, names, flags.all), 'freed', (buffer) => buffer.free()),
  }),

  defineCommand({
    name: 'dma check',
    group: 'dma',
    summary: 'show which bytes of a buffer and its guards the device has changed',
    details:
      'Compares with what was there when it was last looked at, or made; what this program wrote since by commands, read32 or write32 ' +
      'is taken into account, what JavaScript wrote through u8 and its like is not. $_ is the number of bytes that changed.',
    arguments: { name: bufferName('the buffer') },
    flags: {
      limit: defaulted(integer('runs of bytes to show at the most', { least: 1 }), 20),
      intact: toggle('fail (exit code 3) where a guard was written to'),
    },
    effect: 'read',
    needs: 'device',
    examples: [
      {
        line: 'dma check ring',
        says: 'what the device wrote to it',
        device: 'sim:edu',
        after: ['dma alloc ring 4K --guard'],
      },
    ],
    async *run(context, { arguments: { name }, flags }): AsyncGenerator<View> {
      const buffer = context.device.dma.find(name);
      if (!context.device.gate.admit('read', `compare ${name} with what it held`)) return;
      const changes: Change[] = [];
      for (const found of buffer.checking()) {
        changes.push(...found);
        await context.breathe();
      }
      const changed = changes.reduce((sum, { length }) => sum + length, 0);
      context.session.last = BigInt(changed);
      yield changesView(buffer, changes, changed, flags.limit);
      if (flags.intact && changes.some(({ where }) => where !== 'buffer')) {
        throw new ExpectationError(`the guards of ${name} were written to`);
      }
    },
    toJs: ({ arguments: { name } }) => `device.dma.find('${name}').check()`,
  }),

  defineCommand({
    name: 'dma dirty',
    group: 'dma',
    summary: 'show which pages of a buffer the IOMMU saw the device write to',
    details:
      'Only where the IOMMU tracks them and the kernel tells (iommufd, --via cdev). The first use switches the tracking on; each ' +
      'later one shows what was written since. Everywhere else dma check compares the bytes.',
    arguments: { name: bufferName('the buffer') },
    flags: {},
    effect: 'dma',
    needs: 'device',
    examples: [
      {
        line: 'dma dirty ring',
        says: 'the pages written to since the last time',
        device: 'sim:edu',
        after: ['dma alloc ring 64K'],
        untested: 'it needs an IOMMU that tracks dirty pages',
      },
    ],
    run({ device }, { arguments: { name } }): View | void {
      const { mapping, guard } = device.dma.find(name);
      const refuse = (why: string): VfioError =>
        new VfioError({
          kind: 'unsupported',
          operation: `ask for the dirty pages of ${name}`,
          device: device.name,
          why,
          hint: `dma check ${name} compares the bytes`,
        });
      if (mapping === undefined) throw refuse('the buffer is not mapped');
      if (device.transport.dirty === undefined) throw refuse('a vfio-user server does not tell them');
      if (!device.gate.admit('dma', `ask for the dirty pages of ${name}`)) return;
      const dirty = device.transport.dirty(mapping.iova, mapping.size);
      if (typeof dirty === 'string') throw refuse(dirty);
      if (dirty.began) return lines('dirty pages are tracked from now on: let the device run, then ask again');
      return {
        kind: 'table',
        columns: [{ key: 'page', header: 'page' }],
        rows: dirty.offsets.map((offset) => ({ page: changePlace(name, offset - guard) })),
        empty: `${name}: no page was written to`,
        data: { name, pageSize: dirty.pageSize, offsets: dirty.offsets.map((offset) => offset - guard) },
      };
    },
  }),

  ...(['enable', 'disable'] as const).map((verb) =>
    defineCommand({
      name: `dma ${verb}`,
      group: 'dma',
      summary:
        verb === 'enable' ? 'let a PCI device do DMA: bus mastering on' : 'stop DMA of a PCI device: bus mastering off',
      details:
        'Sets or clears bit 2 of COMMAND in the config space: one 16-bit read, and one write if it is not so already. Message-signalled ' +
        'interrupts need it as well. Platform and AMBA devices have no such switch.',
      arguments: {},
      flags: {},
      effect: 'dma',
      needs: 'device',
      examples: [
        { line: `dma ${verb}`, says: verb === 'enable' ? 'DMA and MSI can go' : 'neither can', device: 'sim:edu' },
      ],
      run({ device }): View | void {
        const on = verb === 'enable';
        if (device.config === undefined) {
          return lines(`${device.name} is no PCI device: it needs no permission for DMA, and none can be taken away`);
        }
        const was = setBusMaster(device, on);
        if (was === undefined) return;
        return lines(`bus mastering is ${on ? 'on' : 'off'}${was === on ? ', as it was' : ''}`);
      },
    }),
  ),

  defineCommand({
    name: 'maps',
    group: 'dma',
    summary: 'show what is mapped for the device, as a table and as pictures of the IOVA space',
    details:
      'The first bar is the whole space; below it a close-up of each cluster of mappings. Many mappings are summed up in runs; ' +
      '--all has a row for each, --json every one.',
    arguments: {},
    flags: { all: toggle('a row for each mapping') },
    effect: 'none',
    needs: 'device',
    looks: true,
    examples: [
      {
        line: 'maps',
        says: 'mappings, holes, and windows that cannot be used',
        device: 'sim:edu',
        after: ['dma alloc ring 64K', 'dma alloc tx 4K --guard'],
      },
    ],
    run: ({ device }, { flags }): View => iovaMap(device.dma, device.dma.limits(), flags.all),
  }),
];
