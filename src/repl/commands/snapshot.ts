import { rename, rm, writeFile } from 'node:fs/promises';
import { VfioError } from '../../vfio/errors.js';
import type { Region } from '../../vfio/region.js';
import type { View } from '../../views/view.js';
import { file, many, space } from '../arguments.js';
import { defineCommand } from '../command.js';

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
      const { takeSnapshot } = await import('../../vfio/snapshot.js');
      const taken = await takeSnapshot(device, {
        regions,
        signal: context.signal,
        progress: (done, total) => context.progress(`${Math.floor((done / total) * 100)} % of ${total} bytes read`),
        ...(width !== undefined && { width }),
      });
      context.needValues();
      const part = `${path}.part`;
      try {
        await writeFile(part, `${JSON.stringify(taken, undefined, 1)}\n`);
        await rename(part, path);
      } catch (error) {
        await rm(part, { force: true });
        const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
        throw new VfioError({
          kind: 'kernel',
          operation: `write ${path}`,
          errno: code,
          why: 'the file cannot be written',
        });
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
