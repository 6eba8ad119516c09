import { maskOf } from '../../vfio/registers/field-value.js';
import { refusedFields } from '../../vfio/registers/field-write.js';
import { whyWriteOnly } from '../../vfio/registers/why-unread.js';
import { bytesOf, maxOf } from '../../vfio/width.js';
import type { ReadView, View, WriteView } from '../../views/view.js';
import { cellsOf, count, integer, location, maskedValue, optional, toggle } from '../arguments.js';
import type { DescribedLocation, Location, MaskedValue } from '../arguments.js';
import { cellsView, force, readCells, wordWithWidth } from '../cells.js';
import { type Context, defineCommand } from '../command.js';
import { checkFits } from '../fit.js';
import { jsAccess, jsShape, jsSpace, jsValue } from '../access-js.js';
import { namedBits, shownName } from '../named-place.js';
import { jsOfBits, refusal, writeBits } from '../register-write.js';
import { UsageError } from '../usage-error.js';

const allowSplit = toggle('let the kernel or the server split an access that the path cannot make in one go');

/** The view of one write; masked where `mask` is not all of the width: one read, then one write. */
function write(
  at: Location,
  value: bigint,
  mask: bigint | undefined,
  options: { allowSplit: boolean; verify: boolean; force: boolean },
  context: Context<'device'>,
): WriteView {
  const { space, offset, width, register } = at;
  checkFits('write', at, { value, mask });
  if (mask !== undefined && register !== undefined && register.width !== width) {
    const why = `${register.path} has ${register.width} bits: some of them are written with all of them`;
    throw refusal('poke', at, {
      why,
      hint: `leave the width out, or give the offset: ${space.name} 0x${offset.toString(16)}`,
    });
  }
  if (mask !== undefined && isDescribed(at)) {
    const asked = { operation: 'poke', fields: at.field !== undefined, ...options };
    return { ...writeBits(context, at, { mask, value: value & mask }, asked), ...shownName(context.device, at) };
  }
  const split = options.allowSplit ? { allowSplit: true } : undefined;
  const word = (bits: bigint): number | bigint => (width === 64 ? bits : Number(bits));
  let written = word(value);
  let old: number | bigint | undefined;
  // Where nothing can be written, nothing is read for it either.
  if (mask !== undefined && space.writable) {
    old = space.read(width, offset, split);
    context.needValues();
    written = word((BigInt(old) & ~mask & maxOf(width)) | (value & mask));
  }
  space.write(width, offset, written, split);
  const readBack = options.verify ? space.read(width, offset, split) : undefined;
  return {
    kind: 'write',
    space: space.name,
    offset,
    width,
    value: word(value),
    written,
    ...(old !== undefined && { old }),
    ...(mask !== undefined && { mask }),
    ...(readBack !== undefined && { readBack }),
    ...shownName(context.device, at),
  };
}

export const commands = [
  defineCommand({
    name: 'peek',
    aliases: ['md', 'x'],
    group: 'access',
    summary: 'read one place, or several, each by exactly one access',
    details:
      'A COUNT is a number of cells of the access width, or bytes with a unit (64B, 4K). --stride sets the bytes from one ' +
      'cell to the next; 0 reads one place again and again, which drains a FIFO. The value read is $_ afterwards. One place is read ' +
      'whatever that does; of several, registers that a read would change are left out, unless --force. A register that can only be written is ' +
      'not read by its name, unless --force.',
    arguments: {
      location: location('where to read'),
      count: optional(count('how many cells, or bytes with a unit')),
    },
    flags: { stride: optional(integer('bytes from one cell to the next', { least: 0 })), allowSplit, force },
    effect: 'read',
    needs: 'device',
    looks: true,
    width: true,
    examples: [
      { line: 'peek region0 0x0', says: 'one 32-bit read of the identification register', device: 'sim:edu' },
      { line: 'peek.b region0 0x100 16', says: 'sixteen reads of 8 bits', device: 'sim:sram' },
      {
        line: 'peek config.COMMAND',
        says: 'a register of the config space by name, at its own width',
        device: 'sim:edu',
      },
    ],
    run(context, { arguments: { location: at, count: amount }, flags }): View | Promise<View> {
      const { space, offset, width } = at;
      const unreadable = flags.force ? undefined : whyWriteOnly(at.register, at.field);
      if (unreadable !== undefined) throw refusal('peek', at, { why: unreadable, hint: '--force reads the place' });
      if (amount === undefined) {
        const value = flags.allowSplit ? space.read(width, offset, { allowSplit: true }) : space.read(width, offset);
        const shown = at.field === undefined ? value : namedBits(at.field, BigInt(value));
        context.session.last = BigInt(shown);
        const named = shownName(context.device, at);
        const view: ReadView = { kind: 'read', space: space.name, offset, width, value: shown, ...named };
        return view;
      }
      const shape = { offset, width, count: cellsOf(amount, width), stride: flags.stride ?? bytesOf(width) };
      const show = (read: Parameters<typeof cellsView>[2]): View => cellsView(at, shape, read, 'words');
      const explicit = shape.count === 1 || shape.stride === 0;
      const read = readCells(context, space, shape, explicit ? { ...flags, force: true } : flags);
      return read instanceof Promise ? read.then(show) : show(read);
    },
    repeat({ arguments: { location: at, count: amount }, flags }) {
      const cells = amount === undefined ? 1 : cellsOf(amount, at.width);
      const next = at.offset + cells * (flags.stride ?? bytesOf(at.width));
      if (next + bytesOf(at.width) > at.space.size) return undefined;
      const tail =
        amount === undefined ? '' : ` ${cells}${flags.stride === undefined ? '' : ` --stride ${flags.stride}`}`;
      return `${wordWithWidth('peek', at.width)} ${at.space.name} 0x${next.toString(16)}${tail}`;
    },
    toJs({ arguments: { location: at, count: amount }, flags: { stride, allowSplit: split } }) {
      if (amount === undefined) return jsAccess('read', at, split);
      const shape = jsShape(at, cellsOf(amount, at.width), stride);
      return `${jsSpace(at.space)}.readBlock(${shape}${split ? ', { allowSplit: true }' : ''})`;
    },
  }),

  defineCommand({
    name: 'poke',
    aliases: ['mw'],
    group: 'access',
    summary: 'write one place by exactly one access',
    details:
      'VALUE:MASK writes only the bits of the mask: one read, then one write, and the old value is shown. Without a mask ' +
      'nothing is read. A field by its name (CTRL.EN) is written as set does it; so is VALUE:MASK of a register by its name: bits that ' +
      'ones act on are left alone, and what can only be written is not read. --verify reads the place back afterwards.',
    arguments: {
      location: location('where to write'),
      value: maskedValue('what to write; VALUE:MASK for some bits only'),
    },
    flags: {
      verify: toggle('read the place back, by one more access'),
      force: toggle('of a register by its name: read and write what the map speaks against'),
      allowSplit,
    },
    effect: 'write',
    needs: 'device',
    width: true,
    examples: [
      { line: 'poke region0 0x4 0x12345678', says: 'one 32-bit write', device: 'sim:edu' },
      {
        line: 'poke.w config 0x4 0x2:0x2',
        says: 'set bit 1 and leave the others: memory decode on',
        device: 'sim:edu',
      },
    ],
    run(context, { arguments: { location: at, value }, flags }): View {
      const asked = askedOf(at, value, flags.force);
      const view = write(at, asked.value, asked.mask, flags, context);
      if (view.readBack !== undefined) context.session.last = BigInt(view.readBack);
      return view;
    },
    toJs({ arguments: { location: at, value }, flags }) {
      const asked = askedOf(at, value, flags.force);
      const bits = { value: asked.value, mask: asked.mask ?? 0n };
      if (asked.mask !== undefined && isDescribed(at))
        return jsOfBits(at, bits, { ...flags, operation: 'poke', fields: false });
      const { allowSplit: split, verify } = flags;
      const old = jsAccess('read', at, split);
      let word = jsValue(asked.value, at.width);
      if (asked.mask !== undefined) {
        const mask = jsValue(asked.mask, at.width);
        word = `(${old} & ~${mask}) | (${word} & ${mask})`;
        if (at.width !== 64) word = `(${word}) >>> 0`;
      }
      const stored = jsAccess('write', at, split, word);
      return verify ? `${stored}; ${old}` : stored;
    },
  }),
];

/** Whether the place is a register at its own width, so that its map says how its bits are written. */
function isDescribed(at: Location): at is DescribedLocation {
  return at.register !== undefined && at.register.width === at.width;
}

/** What is to be written of the whole place: the value of a field, where one was named, in its bits. Throws where it may not be. */
function askedOf(at: Location, { value: bits, mask }: MaskedValue, forced: boolean): MaskedValue {
  const { field } = at;
  if (field === undefined || !isDescribed(at)) return { value: bits, mask };
  const value = checkedField(bits, at);
  const refused = forced ? undefined : refusedFields([{ field, value }]);
  if (refused !== undefined) throw refusal('poke', at, refused);
  const shift = BigInt(field.low);
  const part = mask === undefined ? maskOf(field) : checkedField(mask, at) << shift;
  return { value: (value << shift) & part, mask: part };
}

function checkedField(value: bigint, at: Location): bigint {
  const bits = at.field?.bits ?? at.width;
  if (value < 1n << BigInt(bits)) return value;
  const room = bits === 1 ? '1 bit' : `${bits} bits`;
  throw new UsageError(`0x${value.toString(16)} does not fit the ${room} of ${at.field?.name ?? 'the place'}`);
}
