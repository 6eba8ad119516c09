import { VfioError } from '../../vfio/errors.js';
import type { Region } from '../../vfio/region.js';
import type { Snapshot } from '../../vfio/snapshot.js';
import type { View } from '../../views/view.js';
import { bytesOf } from '../../vfio/width.js';
import { file, many, space } from '../arguments.js';
import { defineCommand } from '../command.js';
import { WholeFile } from '../whole-file.js';

/** Larger regions are left out unless they are named: a BAR of gigabytes is memory, not registers. */
const MOST_BYTES = 2 ** 20;

export const commands = [
  defineCommand({
    name: 'snapshot',
    group: 'registers',
    summary: 'write the words of regions to a file that opens as a device',
    details:
      'Reads every readable region of up to 1 MiB (legacy VGA ports left out), or the named ones, word by word, each once, and ' +
      'keeps what VFIO said of the device. Reading has its effects: name the regions where a FIFO must not be drained. ' +
      'The file is JSON with the raw words; `vfiodbg snapshot:FILE` opens it for reading.',
    arguments: { file: file('the file to write'), regions: many(space('a region')) },
    flags: {},
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [{ line: 'snapshot /tmp/edu.json config', says: 'keep the config space', device: 'sim:edu' }],
    async run(context, { arguments: { file: path, regions: named }, width }): Promise<View> {
      const { device } = context;
      const regions: Region[] = named.map((one) => {
        const region = device.regions.find((known) => known === one);
        if (region) return region;
        throw new VfioError({
          kind: 'unsupported',
          operation: 'snapshot',
          space: one.name,
          why: 'it is no region of the device',
        });
      });
      const left: string[] = [];
      if (regions.length === 0) {
        for (const region of device.regions) {
          if (!region.readable) left.push(`${region.name} cannot be read`);
          else if (region.name === 'vga') left.push('vga: legacy ports');
          else if (region.size > MOST_BYTES) left.push(`${region.name} is larger than 1 MiB: name it to have it`);
          else regions.push(region);
        }
      }
      const { MOST_WORDS, takeSnapshot } = await import('../../vfio/snapshot.js');
      const words = regions.reduce((sum, { size }) => sum + size / bytesOf(width ?? 32), 0);
      if (words > MOST_WORDS) {
        throw new VfioError({
          kind: 'limit',
          operation: 'snapshot',
          why: `${Math.floor(words)} words are more than the ${MOST_WORDS} of a snapshot`,
          hint: 'save keeps a region as raw bytes; snapshot.q has half as many words',
        });
      }
      const take = (): Promise<Snapshot> =>
        takeSnapshot(device, {
          regions,
          signal: context.signal,
          progress: (done, total) => context.progress(`${Math.floor((done / total) * 100)} % of ${total} bytes read`),
          ...(width !== undefined && { width }),
        });
      if (context.dryRun) await take();
      context.needValues();
      // A file that cannot be is found out before the reads, which may not be had twice.
      const out = await WholeFile.create(path);
      let taken: Snapshot;
      try {
        taken = await take();
        await out.write(`${JSON.stringify(taken, undefined, 1)}\n`);
        await out.commit();
      } catch (error) {
        await out.discard();
        throw error;
      }
      const lines = [`${path}: ${taken.regions.map(({ name, size }) => `${name} (${size} bytes)`).join(', ')}`];
      for (const reason of left) lines.push(`left out: ${reason}`);
      for (const region of taken.regions) {
        for (const { start, end, reason } of region.missing) {
          lines.push(`not read: ${region.name} 0x${start.toString(16)}..0x${end.toString(16)}: ${reason}`);
        }
      }
      return { kind: 'text', lines };
    },
  }),
];
