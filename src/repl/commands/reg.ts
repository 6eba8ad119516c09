import { VfioError } from '../../vfio/errors.js';
import { bitsOf, refusedFields } from '../../vfio/registers/field-write.js';
import { type History, historyOf } from '../../vfio/registers/history.js';
import type { Register } from '../../vfio/registers/register-map.js';
import { whyUnread, whyWriteOnly } from '../../vfio/registers/why-unread.js';
import type { RegisterView, View } from '../../views/view.js';
import { assignments, describedRegister, many, registers, toggle, value } from '../arguments.js';
import { reasonOf } from '../cells.js';
import { type Context, defineCommand } from '../command.js';
import { missingView, registerView } from '../register-view.js';
import { jsOfBits, plannedView, refusal, writeBits } from '../register-write.js';
import { UsageError } from '../usage-error.js';

const allowSplit = toggle('let the kernel or the server split an access that the path cannot make in one go');

/** Registers of one answer: of more, each that many are shown as they come. */
const MOST_AT_ONCE = 64;

interface ReadOptions {
  readonly force: boolean;
  readonly allowSplit: boolean;
}

/** Reads one register by one access, if that is harmless or forced. */
function readRegister(
  context: Context<'device'>,
  register: Register,
  history: History,
  options: ReadOptions,
): RegisterView {
  const { space: name, offset, width } = register;
  const harm = whyUnread(context.device.registers, { register, ...register });
  if (harm !== undefined && !options.force) return missingView(register, 'skipped', harm);
  const space = context.space(name);
  if (space === undefined) return missingView(register, 'fault', `the device has no ${name}`);
  try {
    const last = history.lastSeen(space.name, offset, width);
    const read = space.read(width, offset, options.allowSplit ? { allowSplit: true } : undefined);
    return registerView(register, BigInt(read), last);
  } catch (error) {
    // A register that does not answer is no reason not to read the next.
    if (error instanceof VfioError && (error.kind === 'access' || error.kind === 'unsupported'))
      return missingView(register, 'fault', reasonOf(error));
    throw error;
  }
}

async function* readAll(
  context: Context<'device'>,
  wanted: readonly Register[],
  history: History,
  options: ReadOptions & { readonly brief: boolean },
): AsyncGenerator<View> {
  for (let done = 0; done < wanted.length; done += MOST_AT_ONCE) {
    const part = wanted.slice(done, done + MOST_AT_ONCE);
    const views = part.map((register) => readRegister(context, register, history, options));
    if (!context.dryRun) yield { kind: 'registers', registers: views, brief: options.brief };
    await context.breathe();
  }
}

export const commands = [
  defineCommand({
    name: 'reg',
    group: 'registers',
    summary: 'read registers by name, each by one access, and show their fields',
    details:
      'A name may have wildcards (region0.UART*.CR?); a block or a space is all that is in it, * is everything. Each register is read once, at its ' +
      'own width. What is not as it was last seen, by whatever command, is marked with * and followed by what it was; what is not as a ' +
      'reset leaves it, by that. Registers that a read would change, or that can only be written, are skipped. Enter reads them again.',
    arguments: { names: many(registers('a register, a block, a space, or a pattern')) },
    flags: {
      brief: toggle('one line for each register, without its fields'),
      force: toggle('read also what a read changes, and what can only be written'),
      allowSplit,
    },
    effect: 'read',
    needs: 'device',
    looks: true,
    examples: [
      { line: 'reg CTRL', says: 'one register, with its fields', device: 'sim:sram' },
      { line: 'reg region1.R?? --brief', says: 'registers by a pattern, a line each', device: 'sim:sram' },
    ],
    run(context, { arguments: { names }, flags }) {
      const wanted = [...new Set(names.flatMap(({ found }) => found))];
      if (wanted.length === 0) {
        const all = context.device.registers.registers.length;
        if (all === 0)
          throw new UsageError(
            'no register map is loaded',
            undefined,
            'regs load FILE loads one; peek reads any place',
          );
        throw new UsageError('which registers?', undefined, `regs lists them, reg * reads all ${all}`);
      }
      const history = historyOf(context.device);
      history.update();
      if (wanted.length > MOST_AT_ONCE) return readAll(context, wanted, history, flags);
      const views = wanted.map((register) => readRegister(context, register, history, flags));
      context.needValues();
      const [only] = views;
      if (views.length === 1 && only?.value !== undefined) context.session.last = only.value;
      return { kind: 'registers', registers: views, brief: flags.brief } satisfies View;
    },
    repeat: ({ arguments: { names }, flags }) =>
      ['reg', ...names.map(({ typed }) => typed), ...(flags.brief ? ['--brief'] : [])].join(' '),
    toJs({ arguments: { names }, flags }) {
      const split = flags.allowSplit ? ', { allowSplit: true }' : '';
      const reads = names.flatMap(({ found }) =>
        found
          .filter((register) => flags.force || (!register.readEffect && whyWriteOnly(register) === undefined))
          .map(
            ({ space, path, width, offset }) =>
              `'${space}.${path}': device.findSpace('${space}').read(${width}, 0x${offset.toString(16)}${split})`,
          ),
      );
      return `({ ${reads.join(', ')} })`;
    },
  }),

  defineCommand({
    name: 'set',
    group: 'registers',
    summary: 'write fields of a register by name, and leave the others as they are',
    details:
      'One write, after one read where other fields have to be kept; where the fields given are all that can be written, nothing is read. Fields ' +
      'that ones act on (w1c, w1s, w1t) are written as zeros unless they are given, so that writing one field clears no other. A register ' +
      'that can only be written takes the values last written, or those of a reset, for fields that are not given. VALUE is a number or a ' +
      'name that the map has for it.',
    arguments: { fields: assignments('the register, and what its fields are to be', 'write') },
    flags: {
      verify: toggle('read the register back, by one more access'),
      force: toggle('read a register that a read changes, and write what the map does not allow'),
      allowSplit,
    },
    effect: 'write',
    needs: 'device',
    plans: true,
    examples: [
      { line: 'set CTRL EN=1 MODE=2', says: 'two fields by one write; the others stay', device: 'sim:sram' },
      { line: 'set CTRL EN=1 -n', says: 'what that would read and write', device: 'sim:sram' },
    ],
    run(
      context,
      {
        arguments: {
          fields: { at, fields },
        },
        flags,
      },
    ): View {
      const options = { operation: 'set', fields: true, ...flags };
      const refused = flags.force ? undefined : refusedFields(fields);
      if (refused !== undefined) throw refusal('set', at, refused);
      return context.dryRun
        ? plannedView(context, at, bitsOf(fields), options)
        : writeBits(context, at, bitsOf(fields), options);
    },
    toJs: ({
      arguments: {
        fields: { at, fields },
      },
      flags,
    }) => jsOfBits(at, bitsOf(fields), { ...flags, operation: 'set', fields: true }),
  }),

  defineCommand({
    name: 'decode',
    group: 'registers',
    summary: 'show a value by the fields of a register; the device is not touched',
    details:
      'For values from a log or a datasheet. What is not as a reset leaves it is marked. Works without a device, with a map that is loaded.',
    arguments: { register: describedRegister('whose fields'), value: value('the value') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [{ line: 'decode region1.CTRL 0x429', says: 'what the bits of 0x429 mean', device: 'sim:sram' }],
    run(_context, { arguments: { register, value: word } }): View {
      if (word >> BigInt(register.width) !== 0n)
        throw new UsageError(`0x${word.toString(16)} does not fit the ${register.width} bits of ${register.path}`);
      return { kind: 'registers', registers: [registerView(register, word)] };
    },
  }),
];
