import type { VfioError } from '../vfio/errors.js';
import type { Caution } from '../vfio/registers/caution.js';
import { between, readAround, type Skip } from '../vfio/registers/read-around.js';
import type { BlockFault, BlockShape, Space } from '../vfio/space.js';
import { bytesOf, type Width } from '../vfio/width.js';
import type { CellsView } from '../views/view.js';
import type { Location } from './arguments.js';
import type { Context } from './command.js';
import { toggle } from './arguments.js';
import { UsageError } from './usage-error.js';

/** Cells that are accessed at once where the time that one takes is not known yet. */
const FIRST_CHUNK = 4096;
/** Cells that are held at a time at the most, and the milliseconds after which the event loop has its turn. */
const MOST_CHUNK = 2 ** 18;
const CHUNK_MS = 10;
/** Bytes that one answer holds at the most. */
const MOST_BYTES = 2 ** 30;

/** Sizes of chunks: twice as large while they are quick, half while they are slow. */
class ChunkSize {
  cells: number;
  #started = 0;

  constructor(first: number) {
    this.cells = first;
  }

  /** The next chunk's cells, of `left`. */
  begin(left: number): number {
    this.#started = performance.now();
    return Math.min(this.cells, left);
  }

  end(): void {
    const took = performance.now() - this.#started;
    if (took < CHUNK_MS / 2) this.cells = Math.min(MOST_CHUNK, this.cells * 2);
    else if (took > CHUNK_MS) this.cells = Math.max(1, this.cells >> 1);
  }
}

/** The letters that name a width behind a command word, as U-Boot and setpci have them. */
const letters: Readonly<Record<Width, string>> = { 8: 'b', 16: 'w', 32: 'l', 64: 'q' };

/** A command word with its width, such as 'peek.w'. */
export function wordWithWidth(word: string, width: Width): string {
  return `${word}.${letters[width]}`;
}

export interface CellsRead {
  readonly bytes: Uint8Array;
  readonly faults: readonly BlockFault[];
  /** Cells that reading would change, and which were left alone. */
  readonly skipped: readonly Skip[];
}

/** How cells are read: a command's flags. */
export interface ReadFlags {
  readonly allowSplit: boolean;
  /** Reads also what a read changes. */
  readonly force: boolean;
}

/** The flag that `ReadFlags` needs of a command. */
export const force = toggle('read registers too that reading changes; else they are left out');

/** What must be left out of a read of `shape`. Worked out from descriptions: nothing is read. */
export function cautionsFor(
  { device }: Context,
  space: Space,
  { offset, width, count, stride }: Required<BlockShape>,
  flags: { readonly force: boolean },
): readonly Caution[] {
  if (flags.force || device === undefined) return [];
  return device.registers.cautionsIn(space.name, offset, offset + (count - 1) * stride + bytesOf(width));
}

/** Reads cells as one block, or, where there are many, in blocks between which the event loop runs. */
export function readCells(
  context: Context,
  space: Space,
  shape: Required<BlockShape>,
  flags: ReadFlags,
): CellsRead | Promise<CellsRead> {
  if (shape.count > firstChunk(space)) return readChunks(context, space, shape, flags);
  return readAround(space, shape, cautionsFor(context, space, shape, flags), { allowSplit: flags.allowSplit });
}

function firstChunk({ atOnce = FIRST_CHUNK }: Space): number {
  return Math.min(FIRST_CHUNK, atOnce);
}

async function readChunks(
  context: Context,
  space: Space,
  shape: Required<BlockShape>,
  flags: ReadFlags,
): Promise<CellsRead> {
  if (goesPast(space, shape)) space.readBlock(shape);
  const step = bytesOf(shape.width);
  if (shape.count * step > MOST_BYTES) {
    const most = `${MOST_BYTES / step} cells of ${shape.width} bits are the most that one answer holds`;
    throw new UsageError(`${shape.count} cells: ${most}`, undefined, 'save writes any number of them to a file');
  }
  const bytes = new Uint8Array(shape.count * step);
  const faults: BlockFault[] = [];
  const skipped: Skip[] = [];
  for await (const { done, block } of chunks(context, space, shape, flags)) {
    bytes.set(block.bytes, done * step);
    for (const fault of block.faults) faults.push({ ...fault, index: fault.index + done });
    for (const skip of block.skipped) skipped.push({ ...skip, index: skip.index + done });
  }
  return { bytes, faults, skipped };
}

/** The same, a chunk at a time in constant memory; `done` cells came before it. */
export async function* chunks(
  context: Context,
  space: Space,
  shape: Required<BlockShape>,
  flags: ReadFlags,
): AsyncGenerator<{ readonly done: number; readonly block: CellsRead; readonly count: number }> {
  if (goesPast(space, shape)) space.readBlock(shape);
  const size = new ChunkSize(firstChunk(space));
  const cautions = cautionsFor(context, space, shape, flags);
  const { allowSplit } = flags;
  for (let done = 0, count = 0; done < shape.count; done += count) {
    count = size.begin(shape.count - done);
    const part = { ...shape, offset: shape.offset + done * shape.stride, count };
    const block = readAround(space, part, cautions, { allowSplit });
    size.end();
    yield { done, block, count };
    context.progress(`${percent(done + count, shape.count)} of ${shape.count} cells read`);
    await context.breathe();
  }
}

/** Writes `cells`, a block at a time; `fill` gives the packed bytes of the cells from `done` on. */
export async function writeCells(
  context: Context,
  space: Space,
  shape: Required<BlockShape>,
  fill: (done: number, count: number) => Uint8Array,
  allowSplit: boolean,
): Promise<void> {
  if (goesPast(space, shape)) space.writeBlock(shape, new Uint8Array(0));
  const size = new ChunkSize(FIRST_CHUNK);
  for (let done = 0, count = 0; done < shape.count; done += count) {
    count = size.begin(shape.count - done);
    space.writeBlock({ ...shape, offset: shape.offset + done * shape.stride, count }, fill(done, count), {
      allowSplit,
    });
    context.progress(`${percent(done + count, shape.count)} of ${shape.count} cells written`);
    await context.breathe();
  }
}

/** Whether a block does not fit its space: the space itself refuses it then, before any part of it is accessed. */
function goesPast(space: Space, shape: Required<BlockShape>): boolean {
  return shape.offset + (shape.count - 1) * shape.stride + bytesOf(shape.width) > space.size;
}

/** The runs [from, until) of cells that were read, in order; those that were not lie between them. */
export function runsRead({ faults, skipped }: CellsRead, count: number): ReturnType<typeof between> {
  return between(
    [...faults, ...skipped].sort((one, other) => one.index - other.index),
    count,
  );
}

/** How many cells were left out, and why: one line for each reason. */
export function skippedLines({ skipped }: Pick<CellsRead, 'skipped'>): string[] {
  const counts = new Map<string, number>();
  for (const { reason, count } of skipped) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return [...counts].map(
    ([reason, count]) => `${count} cell${count === 1 ? '' : 's'} left out (${reason}); --force reads them`,
  );
}

function percent(done: number, total: number): string {
  return `${Math.floor((done / total) * 100)} %`;
}

/** One short reason for a cell that could not be read, the errno first. */
export function reasonOf(error: VfioError): string {
  const { errno, why } = error.details;
  return errno === undefined ? why : `${errno}: ${why}`;
}

export function cellsView(
  at: Location,
  shape: Required<BlockShape>,
  read: CellsRead,
  style: CellsView['style'],
): CellsView {
  const faults = read.faults.flatMap(({ index, count, error }) =>
    Array.from({ length: count }, (_, nth) => ({ index: index + nth, reason: reasonOf(error) })),
  );
  return {
    kind: 'cells',
    style,
    space: at.space.name,
    offset: shape.offset,
    width: shape.width,
    stride: shape.stride,
    count: shape.count,
    bytes: read.bytes,
    faults,
    ...(read.skipped.length > 0 && { skipped: read.skipped }),
    ...(at.name !== undefined && { name: at.name }),
  };
}
