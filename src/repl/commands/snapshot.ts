import type { Device } from '../../vfio/device.js';
import { VfioError } from '../../vfio/errors.js';
import type { Region } from '../../vfio/region.js';
import type { Snapshot } from '../../vfio/snapshot/format.js';
import type { RegionRequest } from '../../vfio/snapshot/take.js';
import { countText } from '../../views/numbers.js';
import type { View } from '../../views/view.js';
import { file, many, space, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

/** Of larger regions only registers are read, unless they are named: a BAR of gigabytes is memory. */
const MOST_BYTES = 2 ** 20;

/** What is read of the named regions, or else of all; and what is not, with the reason. */
function requestsOf(
  device: Device,
  named: readonly Region[],
  registersOnly: boolean,
): { readonly requests: readonly RegionRequest[]; readonly left: readonly string[] } {
  if (named.length > 0) return { requests: named.map((region) => ({ region, registersOnly })), left: [] };
  const requests: RegionRequest[] = [];
  const left: string[] = [];
  for (const region of device.regions) {
    const large = region.size > MOST_BYTES;
    if (!region.readable) left.push(`${region.name} cannot be read`);
    else if (region.name === 'vga') left.push('vga: legacy ports');
    else if (large && device.registers.registersIn(region.name, 0, region.size).length === 0)
      left.push(`${region.name} is larger than 1 MiB: name it to have it`);
    else {
      if (large && !registersOnly)
        left.push(`${region.name} is larger than 1 MiB: only its registers; name it to have all`);
      requests.push({ region, registersOnly: registersOnly || large });
    }
  }
  return { requests, left };
}

function regionOf(device: Device, name: string): Region {
  const region = device.regions.find((known) => known.name === name);
  if (region) return region;
  const why = 'it is no region of the device';
  throw new VfioError({ kind: 'unsupported', operation: 'snapshot', space: name, why });
}

/** What the file has, and what it has not. */
function takenView(path: string, { regions, registers, mappings, irqs }: Snapshot, left: readonly string[]): View {
  const values = Object.keys(registers?.values ?? {}).length;
  const enabled = irqs.filter((irq) => (irq.enabled ?? 0) > 0).length;
  const also = [
    ...(values > 0 ? [countText(values, 'register')] : []),
    ...(enabled > 0 ? [countText(enabled, 'enabled interrupt')] : []),
    ...((mappings?.length ?? 0) > 0 ? [countText(mappings?.length ?? 0, 'mapping')] : []),
  ];
  const missing = regions.flatMap(({ name, missing: gaps }) => gaps.map((gap) => ({ name, ...gap })));
  return {
    kind: 'text',
    lines: [
      `${path}: ${[...regions.map(({ name, size }) => `${name} (${size} bytes)`), ...also].join(', ')}`,
      ...left.map((reason) => `left out: ${reason}`),
      ...missing.map(
        ({ name, start, end, reason }) => `not read: ${name} 0x${start.toString(16)}..0x${end.toString(16)}: ${reason}`,
      ),
    ],
    data: {
      kind: 'snapshot',
      file: path,
      regions: regions.map(({ name, size }) => ({ name, size })),
      registers: values,
      left,
      missing,
    },
  };
}

export const commands = [
  defineCommand({
    name: 'snapshot',
    group: 'registers',
    summary: 'write what a device has and is to a file that opens as a device',
    details:
      'Reads every readable region of up to 1 MiB (legacy VGA ports left out), or the named ones, each place once: registers that maps ' +
      'describe at their own widths, words between them. Of larger regions it takes the registers. What must not be read in passing is ' +
      'left out, and the reason is in the file (--force reads it); so is what did not answer. Beside the raw words the file has the registers by their ' +
      'names with their maps, the states of interrupts, the list of DMA mappings, and the ids of the device. It is JSON; `vfiodbg ' +
      'snapshot:FILE` opens it for reading, diff compares it, restore writes registers back.',
    arguments: { file: file('the file to write'), regions: many(space('a region')) },
    flags: {
      registers: toggle('only the registers that maps describe'),
      force: toggle('read also what a read changes, and what can only be written'),
      replace,
    },
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [
      { line: 'snapshot /tmp/edu.json config', says: 'keep the config space', device: 'sim:edu' },
      { line: 'snapshot /tmp/sram.json --registers', says: 'keep the registers', device: 'sim:sram' },
    ],
    async run(context, { arguments: { file: path, regions: named }, flags, width }): Promise<View> {
      const { device } = context;
      refuseLoss(path, flags.replace);
      const regions = named.map((one) => regionOf(device, one.name));
      const { requests, left } = requestsOf(device, regions, flags.registers);
      const { MOST_WORDS, planOf, takeSnapshot, wordsOf } = await import('../../vfio/snapshot/take.js');
      const words = requests.reduce((sum, request) => sum + wordsOf(planOf(device, request, width, flags.force)), 0);
      if (words > MOST_WORDS) {
        throw new VfioError({
          kind: 'limit',
          operation: 'snapshot',
          why: `${words} words are more than the ${MOST_WORDS} of a snapshot`,
          hint: 'save keeps a region as raw bytes; snapshot.q has half as many words; --registers has those alone',
        });
      }
      const take = (): Promise<Snapshot> =>
        takeSnapshot(device, {
          regions: requests,
          force: flags.force,
          signal: context.signal,
          progress: (done, total) => context.progress(`${Math.floor((done / total) * 100)} % of ${total} words read`),
          ...(width !== undefined && { width }),
        });
      if (context.dryRun) await take();
      context.needValues();
      // A file that cannot be is found out before the reads, which may not be had twice.
      const out = await WholeFile.create(path, flags.replace, context.signal);
      try {
        const taken = await take();
        await out.write(`${JSON.stringify(taken, undefined, 1)}\n`);
        await out.commit();
        return takenView(path, taken, left);
      } catch (error) {
        await out.discard();
        throw error;
      }
    },
  }),
];
