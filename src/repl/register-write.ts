import { VfioError } from '../vfio/errors.js';
import {
  type BitsToWrite,
  composed,
  planWrite,
  type Refused,
  refusedWord,
  type WritePlan,
} from '../vfio/registers/field-write.js';
import { historyOf } from '../vfio/registers/history.js';
import { whyUnread, whyWriteOnly } from '../vfio/registers/why-unread.js';
import { hexValue, place } from '../views/numbers.js';
import type { View, WriteView } from '../views/view.js';
import type { DescribedLocation, Location } from './arguments.js';
import { jsAccess, jsValue } from './access-js.js';
import type { Context } from './command.js';
import { writtenFields } from './register-view.js';
import { UsageError } from './usage-error.js';

export interface RegisterWriteOptions {
  /** The command, for errors. */
  readonly operation: string;
  readonly allowSplit: boolean;
  readonly verify: boolean;
  /** Reads and writes all the same what the map speaks against. */
  readonly force: boolean;
  /** Fields were asked for, and are shown. */
  readonly fields: boolean;
}

/** The plan of a write of some bits of a register. Throws VfioError that says why there is none; nothing is accessed. */
function planOf(
  { device }: Context<'device'>,
  at: DescribedLocation,
  bits: BitsToWrite,
  { operation, force }: RegisterWriteOptions,
): WritePlan {
  const { register, space, offset, width } = at;
  const plan = planWrite(register, bits, {
    known: () => {
      const history = historyOf(device);
      history.update();
      return history.current(space.name, offset, width);
    },
    unreadable: whyUnread(device.registers, { space: space.name, offset, width, register }),
    force,
  });
  if ('why' in plan) throw refusal(operation, at, plan);
  return plan;
}

/** Why a register is not written so, with its place. */
export function refusal(operation: string, { space, offset, width }: Location, refused: Refused): VfioError {
  return new VfioError({ kind: 'access', operation, space: space.name, offset, width, ...refused });
}

/** Writes bits of a register by one write, after one read where other bits have to be kept. */
export function writeBits(
  context: Context<'device'>,
  at: DescribedLocation,
  bits: BitsToWrite,
  options: RegisterWriteOptions,
): WriteView {
  const { register, space, offset, width } = at;
  const plan = planOf(context, at, bits, options);
  const split = options.allowSplit ? { allowSplit: true } : undefined;
  const word = (value: bigint): number | bigint => (width === 64 ? value : Number(value));
  let old: bigint | undefined;
  // Where nothing can be written, nothing is read for it either.
  if (plan.keep !== 0n && space.writable) {
    old = BigInt(space.read(width, offset, split));
    context.needValues();
  }
  const written = composed(plan, old ?? 0n);
  const refused = options.force ? undefined : refusedWord(register, written);
  if (refused !== undefined)
    throw refusal(options.operation, at, { why: refused, hint: '--force writes it all the same' });
  space.write(width, offset, word(written), split);
  const readBack = options.verify ? space.read(width, offset, split) : undefined;
  if (readBack !== undefined) context.session.last = BigInt(readBack);
  return {
    kind: 'write',
    space: space.name,
    offset,
    width,
    value: word(bits.value),
    mask: bits.mask,
    written: word(written),
    ...(old !== undefined && { old: word(old) }),
    ...(readBack !== undefined && { readBack }),
    name: register.path,
    ...(options.fields && { fields: writtenFields(register, bits.mask, written, old) }),
    ...(plan.notes.length > 0 && { notes: plan.notes }),
  };
}

/** What `writeBits` would do, worked out without an access. */
export function plannedView(
  context: Context<'device'>,
  at: DescribedLocation,
  bits: BitsToWrite,
  options: RegisterWriteOptions,
): View {
  const plan = planOf(context, at, bits, options);
  const { space, offset, width } = at;
  const where = `${place(space.name, offset)} (${width} bits)`;
  const hex = (value: bigint): string => hexValue(value, width);
  const rest = composed(plan, 0n);
  const value = plan.keep === 0n ? hex(rest) : `(what was read & ${hex(plan.keep)}) | ${hex(rest)}`;
  return {
    kind: 'text',
    lines: [
      ...(plan.keep === 0n ? [] : [`would read ${where}`]),
      `would write ${where} <- ${value}`,
      ...(options.verify ? [`would read ${where}`] : []),
      ...plan.notes.map((note) => `  ${note}`),
    ],
  };
}

/** The JavaScript that does the same, as far as that does not depend on what was seen before. Throws UsageError where it does. */
export function jsOfBits(at: DescribedLocation, bits: BitsToWrite, options: RegisterWriteOptions): string {
  const { register, width } = at;
  const effect = register.readEffect === undefined ? undefined : `${register.path}: reading it has an effect`;
  const unreadable = whyWriteOnly(register) ?? effect;
  const plan = planWrite(register, bits, {
    known: () => ({ value: 0n, mask: 0n }),
    unreadable,
    force: options.force,
  });
  if ('why' in plan) throw new UsageError(plan.why, undefined, plan.hint);
  let word = jsValue(composed(plan, 0n), width);
  if (plan.keep !== 0n) {
    word = `(${jsAccess('read', at, options.allowSplit)} & ${jsValue(plan.keep, width)}) | ${word}`;
    if (width !== 64) word = `(${word}) >>> 0`;
  }
  const stored = jsAccess('write', at, options.allowSplit, word);
  return options.verify ? `${stored}; ${jsAccess('read', at, options.allowSplit)}` : stored;
}
