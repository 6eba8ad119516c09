import { counted } from '../../vfio/counted.js';
import { between, type Skip } from '../../vfio/registers/read-around.js';
import type { Space } from '../../vfio/space.js';
import { bytesOf, type Width } from '../../vfio/width.js';
import type { View } from '../../views/view.js';
import {
  bytesIn,
  defaulted,
  integer,
  location,
  maskedValue,
  optional,
  span,
  text,
  toggle,
  value,
} from '../arguments.js';
import type { Span } from '../arguments.js';
import {
  type CellsRead,
  cellsView,
  force,
  readCells,
  reasonOf,
  skippedLines,
  wordWithWidth,
  writeCells,
} from '../cells.js';
import { jsShape, jsSpace } from '../access-js.js';
import { defineCommand } from '../command.js';
import { checkComparable, checkFits } from '../fit.js';
import { cellAt, type Found, search, type Sought } from '../search.js';
import { UsageError } from '../usage-error.js';

const allowSplit = toggle('let the kernel or the server split an access that the path cannot make in one go');

/** What dump shows where no count was given, as U-Boot's md does: 256 bytes, or up to the end. */
const DUMP_BYTES = 256;
/** Bytes that one view of a dump holds; a longer dump is shown piece by piece. */
const DUMP_PIECE = 2 ** 20;

/** The cells that a span covers at its width, packed one after another. */
function shapeOf(piece: Span, bytes = bytesIn(piece)): { offset: number; width: Width; count: number; stride: number } {
  const step = bytesOf(piece.width);
  return { offset: piece.offset, width: piece.width, count: Math.max(1, Math.floor(bytes / step)), stride: step };
}

/** `count` cells of `width` bits, each `word`. */
function repeated(word: bigint, width: Width, count: number): Uint8Array {
  const cell = Buffer.alloc(8);
  cell.writeBigUInt64LE(word);
  return Buffer.alloc(count * bytesOf(width), cell.subarray(0, bytesOf(width)));
}

/** For each cell that could not be read, why. */
function reasonsOf(read: CellsRead): Map<number, string> {
  const reasons = new Map<number, string>();
  for (const { index, count, error } of read.faults)
    for (let nth = 0; nth < count; nth += 1) reasons.set(index + nth, reasonOf(error));
  return reasons;
}

export const commands = [
  defineCommand({
    name: 'dump',
    group: 'access',
    summary: 'show a piece of a space as bytes and text',
    details:
      'Reads with accesses of the width (32 bits unless asked otherwise), each once, and shows the bytes in their order in ' +
      'memory. Cells that cannot be read are shown as -- and explained below; registers that a read would change are not read, and shown ' +
      'as .. with the reason. 256 bytes where no count or range is given.',
    arguments: { piece: span('what to show') },
    flags: { allowSplit, force },
    effect: 'read',
    needs: 'device',
    looks: true,
    width: true,
    examples: [
      { line: 'dump region0 0..0x100', says: 'the first 256 bytes', device: 'sim:sram' },
      {
        line: 'dump.b config 0 64B',
        says: 'the standard header of the config space, read byte by byte',
        device: 'sim:edu',
      },
    ],
    run(context, { arguments: { piece }, flags }) {
      const shape = dumpShape(piece);
      const most = DUMP_PIECE / bytesOf(piece.width);
      if (shape.count <= most) {
        const show = (read: CellsRead): View => cellsView(piece, shape, read, 'bytes');
        const read = readCells(context, piece.space, shape, flags);
        return read instanceof Promise ? read.then(show) : show(read);
      }
      return (async function* pieces() {
        for (let done = 0; done < shape.count; done += most) {
          const part = {
            ...shape,
            offset: shape.offset + done * shape.stride,
            count: Math.min(most, shape.count - done),
          };
          yield cellsView(piece, part, await readCells(context, piece.space, part, flags), 'bytes');
        }
      })();
    },
    toJs({ arguments: { piece }, flags }) {
      const { count } = dumpShape(piece);
      return `${jsSpace(piece.space)}.readBlock(${jsShape(piece, count)}${flags.allowSplit ? ', { allowSplit: true }' : ''})`;
    },
    repeat({ arguments: { piece } }) {
      const shape = dumpShape(piece);
      const start = shape.offset + shape.count * shape.stride;
      const end = Math.min(piece.space.size, start + shape.count * shape.stride);
      if (end <= start) return undefined;
      return `${wordWithWidth('dump', piece.width)} ${piece.space.name} 0x${start.toString(16)}..0x${end.toString(16)}`;
    },
  }),

  defineCommand({
    name: 'fill',
    group: 'access',
    summary: 'write one value to every cell of a piece',
    arguments: { piece: span('what to fill'), value: value('what to write to each cell') },
    flags: { allowSplit },
    effect: 'write',
    needs: 'device',
    width: true,
    examples: [
      { line: 'fill region0 0x8000..0x9000 0xdeadbeef', says: '1024 writes of 32 bits', device: 'sim:sram' },
      { line: 'fill.b region0 0x8000 64B 0xff', says: '64 writes of 8 bits', device: 'sim:sram' },
    ],
    async run(context, { arguments: { piece, value: word }, flags }): Promise<View> {
      checkFits('fill', piece, { value: word, mask: undefined });
      const shape = wholeCells(piece);
      const fill = (_done: number, count: number): Uint8Array => repeated(word, piece.width, count);
      await writeCells(context, piece.space, shape, fill, flags.allowSplit);
      const start = `${piece.space.name}+0x${shape.offset.toString(16)}`;
      return {
        kind: 'text',
        lines: [`${start}: ${counted(shape.count, 'cell')} of ${piece.width} bits <- 0x${word.toString(16)}`],
      };
    },
    toJs({ arguments: { piece, value: word }, flags }) {
      const { count } = wholeCells(piece);
      const cells = `Buffer.alloc(${count * bytesOf(piece.width)}, '${Buffer.from(repeated(word, piece.width, 1)).toString('hex')}', 'hex')`;
      return `${jsSpace(piece.space)}.writeBlock(${jsShape(piece, count)}, ${cells}${flags.allowSplit ? ', { allowSplit: true }' : ''})`;
    },
  }),

  defineCommand({
    name: 'find',
    group: 'access',
    summary: 'show where a value, or a text, stands in a piece',
    details: 'VALUE:MASK compares the bits of the mask only, cell by cell. --text looks for characters at any byte.',
    arguments: { piece: span('where to look'), value: optional(maskedValue('what to look for')) },
    flags: {
      text: optional(text('characters to look for, in place of VALUE', 'TEXT')),
      limit: defaulted(integer('places to show at the most', { least: 1 }), 100),
      allowSplit,
      force,
    },
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [
      {
        line: 'find.b region0 0..0x10000 0x00:0xf0 --limit 4',
        says: 'bytes whose upper half is zero',
        device: 'sim:sram',
      },
      { line: 'find region0 0..0x10000 --text sram', says: 'where the firmware names itself', device: 'sim:sram' },
    ],
    async run(context, { arguments: { piece, value: wanted }, flags }): Promise<View> {
      if ((wanted === undefined) === (flags.text === undefined))
        throw new UsageError('give either a VALUE or --text TEXT', undefined);
      if (flags.text === '') throw new UsageError('--text is empty', undefined, 'give the characters to look for');
      if (wanted) checkComparable('find', piece, wanted);
      const hits: { offset: number; cell: string }[] = [];
      let found = 0;
      let unread = 0;
      const skipped: Skip[] = [];
      const sought: Sought = wanted ?? { bytes: Buffer.from(flags.text ?? '') };
      const quoted = JSON.stringify(flags.text);
      const show = (cell: bigint): string => `0x${cell.toString(16).padStart(bytesOf(piece.width) * 2, '0')}`;
      const hit = ({ offset, cell }: Found): void => {
        found += 1;
        if (hits.length < flags.limit) hits.push({ offset, cell: cell === undefined ? quoted : show(cell) });
      };
      for await (const { block } of search(context, piece.space, wholeCells(piece), flags, sought, hit)) {
        for (const fault of block.faults) unread += fault.count;
        skipped.push(...block.skipped);
      }
      const rows = hits.map(({ offset, cell }) => ({ at: `${piece.space.name}+0x${offset.toString(16)}`, cell }));
      const notes = [
        ...(found > hits.length ? [`${found - hits.length} more; --limit shows more`] : []),
        ...(unread > 0
          ? [`${counted(unread, 'cell')} could not be read and ${unread === 1 ? 'was' : 'were'} not looked at`]
          : []),
        ...skippedLines({ skipped }),
      ];
      const table: View = {
        kind: 'table',
        columns: [
          { key: 'at', header: 'place' },
          { key: 'cell', header: 'value' },
        ],
        rows,
        empty: 'not found',
        data: { found, unread, skipped: skipped.reduce((sum, { count }) => sum + count, 0), places: hits },
      };
      return notes.length === 0 ? table : { kind: 'all', views: [table, { kind: 'text', lines: notes }] };
    },
  }),

  defineCommand({
    name: 'compare',
    group: 'access',
    summary: 'show where two pieces differ',
    details:
      'Both pieces are read once, cell by cell. Where a register of either is changed by reading, the cell is left out. $_ is the number of ' +
      'cells that differ.',
    arguments: { piece: span('the first piece'), other: location('where the second piece begins') },
    flags: { limit: defaulted(integer('differences to show at the most', { least: 1 }), 100), allowSplit, force },
    effect: 'read',
    needs: 'device',
    width: true,
    examples: [
      { line: 'compare region0 0..0x100 region0 0x8000', says: 'two pieces of one region', device: 'sim:sram' },
    ],
    async run(context, { arguments: { piece, other }, flags }): Promise<View> {
      const shape = wholeCells(piece);
      const opposite = { ...shape, offset: other.offset };
      const left = await readCells(context, piece.space, shape, flags);
      const right = await readCells(context, other.space, opposite, flags);
      const step = bytesOf(piece.width);
      const rows: Record<string, string>[] = [];
      let differ = 0;
      const [leftReasons, rightReasons] = [reasonsOf(left), reasonsOf(right)];
      const show = (read: CellsRead, reasons: ReadonlyMap<number, string>, index: number): string =>
        reasons.get(index) ??
        `0x${cellAt(read.bytes, piece.width, index)
          .toString(16)
          .padStart(step * 2, '0')}`;
      const skipped = [...left.skipped, ...right.skipped].sort((one, another) => one.index - another.index);
      let compared = 0;
      for (const { from, until } of between(skipped, shape.count)) {
        compared += until - from;
        for (let index = from; index < until; index += 1) {
          const unread = leftReasons.has(index) || rightReasons.has(index);
          if (!unread && cellAt(left.bytes, piece.width, index) === cellAt(right.bytes, piece.width, index)) continue;
          differ += 1;
          if (rows.length === flags.limit) continue;
          const at = (space: Space, start: number): string => `${space.name}+0x${(start + index * step).toString(16)}`;
          rows.push({
            left: at(piece.space, shape.offset),
            leftValue: show(left, leftReasons, index),
            right: at(other.space, other.offset),
            rightValue: show(right, rightReasons, index),
          });
        }
      }
      context.session.last = BigInt(differ);
      const table: View = {
        kind: 'table',
        columns: [
          { key: 'left', header: 'place' },
          { key: 'leftValue', header: 'value' },
          { key: 'right', header: 'place' },
          { key: 'rightValue', header: 'value' },
        ],
        rows,
        empty: compared === 1 ? 'the cell is the same' : `${compared} cells are the same`,
        data: { compared, differ, skipped: shape.count - compared, places: rows },
      };
      const more = `${differ} of ${counted(compared, 'cell')} differ${differ > rows.length ? `; --limit shows more` : ''}`;
      const lines = [...(rows.length === 0 ? [] : [more]), ...skippedLines({ skipped })];
      return lines.length === 0 ? table : { kind: 'all', views: [table, { kind: 'text', lines }] };
    },
  }),
];

function dumpShape(piece: Span): ReturnType<typeof shapeOf> {
  if (piece.count !== undefined) return wholeCells(piece);
  return shapeOf(piece, Math.min(DUMP_BYTES, piece.space.size - piece.offset));
}

/** The cells of a span that must be a whole number of them. */
function wholeCells(piece: Span): ReturnType<typeof shapeOf> {
  const bytes = bytesIn(piece);
  const step = bytesOf(piece.width);
  if (bytes % step === 0 && bytes > 0) return shapeOf(piece, bytes);
  throw new UsageError(
    `${bytes} bytes are no whole number of ${piece.width}-bit cells`,
    undefined,
    'give a multiple, or a narrower width such as .b',
  );
}
