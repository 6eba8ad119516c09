import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { counted } from '../../vfio/counted.js';
import { VfioError } from '../../vfio/errors.js';
import { readAround, type Skip, skipsOf } from '../../vfio/registers/read-around.js';
import { bytesOf, type Width } from '../../vfio/width.js';
import type { View } from '../../views/view.js';
import { bytesIn, file, location, optional, span, toggle, value } from '../arguments.js';
import { type CellsRead, cautionsFor, chunks, force, skippedLines } from '../cells.js';
import { defineCommand } from '../command.js';
import { readError } from '../file-error.js';
import { checkFits } from '../fit.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

const allowSplit = toggle('let the kernel or the server split an access that the path cannot make in one go');

/** Bytes of a file that are held at a time. */
const PIECE = 65536;

/** Puts `word` into the cells that were not read, or throws for the first of them that could not be. */
function patch(read: CellsRead, width: Width, word: bigint | undefined): void {
  const [first] = read.faults;
  if (!first && read.skipped.length === 0) return;
  if (first && word === undefined) {
    throw new VfioError({
      ...first.error.details,
      why: `${first.error.details.why}; nothing was saved`,
      hint: '--fill VALUE saves that value in place of cells that cannot be read',
    });
  }
  const cell = Buffer.alloc(8);
  cell.writeBigUInt64LE(word ?? 0n);
  for (const { index, count } of [...read.faults, ...read.skipped]) {
    Buffer.from(read.bytes.buffer, read.bytes.byteOffset).fill(
      cell.subarray(0, bytesOf(width)),
      index * bytesOf(width),
      (index + count) * bytesOf(width),
    );
  }
}

export const commands = [
  defineCommand({
    name: 'save',
    group: 'access',
    summary: 'write a piece of a space to a file, as raw bytes',
    details:
      'Reads with accesses of the width, each once, in constant memory. The file appears under its name only when all of ' +
      'it is there. Cells that cannot be read end it, and registers that a read would change keep it from beginning, unless --fill gives what ' +
      'stands for them.',
    arguments: { piece: span('what to save; a space alone is all of it'), file: file('the file to write') },
    flags: { fill: optional(value('what stands for cells that are not read')), allowSplit, force, replace },
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [{ line: 'save region0 0..4K /tmp/firmware.bin', says: 'the first 4 KiB', device: 'sim:sram' }],
    async run(context, { arguments: { piece, file: path }, flags }): Promise<View> {
      const { space, offset, width } = piece;
      refuseLoss(path, flags.replace);
      const step = bytesOf(width);
      const bytes = bytesIn(piece);
      if (flags.fill !== undefined) checkFits('save', piece, { value: flags.fill, mask: undefined });
      const shape = { offset, width, count: Math.floor(bytes / step), stride: step };
      const cautions = cautionsFor(context, space, shape, flags);
      const [skip] = skipsOf(shape, cautions);
      if (skip !== undefined && flags.fill === undefined) {
        throw new VfioError({
          kind: 'access',
          operation: 'save',
          space: space.name,
          offset: offset + skip.index * step,
          width,
          why: `${skip.reason}; nothing was read or saved`,
          hint: '--fill VALUE saves that value in its place, --force reads it',
        });
      }
      if (context.dryRun) readAround(space, shape, cautions, { allowSplit: flags.allowSplit });
      context.needValues();
      const out = await WholeFile.create(path, flags.replace, context.signal);
      let unread = 0;
      const skipped: Skip[] = [];
      try {
        for await (const { block } of chunks(context, space, shape, flags)) {
          for (const fault of block.faults) unread += fault.count;
          skipped.push(...block.skipped);
          patch(block, width, flags.fill);
          await out.write(block.bytes);
        }
        await out.commit();
      } catch (error) {
        await out.discard();
        throw error;
      }
      const lines = [`${space.name}+0x${offset.toString(16)}: ${shape.count * step} bytes saved to ${path}`];
      if (shape.count * step < bytes)
        lines.push(`the last ${bytes % step} bytes fill no cell of ${width} bits and were left out`);
      if (unread > 0)
        lines.push(`${counted(unread, 'cell')} could not be read; the file has the value of --fill there`);
      lines.push(...skippedLines({ skipped }));
      return { kind: 'text', lines };
    },
  }),

  defineCommand({
    name: 'load',
    group: 'access',
    summary: 'write the raw bytes of a file to a space',
    details:
      'Writes with accesses of the width. A file that does not fit, or is no whole number of cells, writes nothing.',
    arguments: { file: file('the file to read'), location: location('where its first byte goes') },
    flags: { allowSplit },
    effect: 'write',
    needs: 'device',
    width: true,
    examples: [
      {
        line: 'load /tmp/firmware.bin region0 0x8000',
        says: 'put a saved piece somewhere else',
        device: 'sim:sram',
        after: ['save region0 0..4K /tmp/firmware.bin'],
      },
    ],
    async run(context, { arguments: { file: path, location: at }, flags }): Promise<View> {
      const { space, offset, width } = at;
      const step = bytesOf(width);
      const failed = (error: unknown): never => {
        throw readError('read', path, error);
      };
      // The open of a pipe would wait for a writer, in a thread that keeps the process from ending.
      const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(failed);
      try {
        const found = await handle.stat();
        const { size } = found;
        const refuse = (why: string, hint: string): VfioError =>
          new VfioError({ kind: 'access', operation: `load ${path}`, space: space.name, offset, width, why, hint });
        if (!found.isFile()) throw refuse('it is no plain file', 'give a file of raw bytes');
        if (size === 0) throw refuse('the file is empty', 'give a file of raw bytes');
        if (size % step !== 0)
          throw refuse(`its ${size} bytes are no whole number of cells`, 'use a narrower width such as .b');
        if (offset + size > space.size) {
          throw refuse(
            `its ${size} bytes go past the end`,
            `${space.name} has ${Math.max(0, space.size - offset)} bytes from there`,
          );
        }
        const buffer = Buffer.alloc(PIECE);
        for (let done = 0; done < size;) {
          const { bytesRead } = await handle.read(buffer, 0, Math.min(PIECE, size - done), done).catch(failed);
          const count = Math.floor(bytesRead / step);
          if (count === 0) throw refuse('the file became shorter while it was read', 'try again');
          space.writeBlock({ offset: offset + done, width, count, stride: step }, buffer, {
            allowSplit: flags.allowSplit,
          });
          done += count * step;
          context.progress(`${Math.floor((done / size) * 100)} % of ${size} bytes written`);
          await context.breathe();
        }
        return { kind: 'text', lines: [`${space.name}+0x${offset.toString(16)}: ${size} bytes loaded from ${path}`] };
      } finally {
        await handle.close();
      }
    },
  }),
];
