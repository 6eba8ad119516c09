import type { Device } from '../../vfio/device.js';
import { VfioError } from '../../vfio/errors.js';
import { identityOf } from '../../vfio/profile/identity.js';
import { describedBy } from '../../vfio/snapshot/described.js';
import { type Image, readImage } from '../../vfio/snapshot/image.js';
import {
  planRestore,
  type Restored,
  type RestorePlan,
  type RestoreStep,
  restoreStep,
} from '../../vfio/snapshot/restore.js';
import { countText, hexValue } from '../../views/numbers.js';
import type { Cell, View } from '../../views/view.js';
import { file, many, registersAmong, toggle } from '../arguments.js';
import { reasonOf } from '../cells.js';
import { defineCommand } from '../command.js';
import { turns } from '../field-text.js';
import { UsageError } from '../usage-error.js';

/** Throws VfioError where it is known that the snapshot is of another kind of device. */
async function checkKind(device: Device, { snapshot, name }: Image): Promise<void> {
  const [was, is] = [snapshot.device.ids, await identityOf(device)];
  const hex = (id: number): string => id.toString(16).padStart(4, '0');
  const text = ({ pci }: { readonly pci?: { vendor: number; device: number } | undefined }): string =>
    pci === undefined ? '' : `${hex(pci.vendor)}:${hex(pci.device)}`;
  const [one, other] = [text(was ?? {}), text(is)];
  const kinds: readonly (readonly [was: string, is: string])[] = [
    [one, other],
    [was?.amba?.toString(16) ?? '', is.amba?.toString(16) ?? ''],
  ];
  const differs = kinds.find(([a, b]) => a !== '' && b !== '' && a !== b);
  const compatible = was?.compatible ?? [];
  const foreign =
    compatible.length > 0 && is.compatible.length > 0 && !compatible.some((each) => is.compatible.includes(each));
  if (differs === undefined && !foreign) return;
  const [a, b] = differs ?? [compatible.join(', '), is.compatible.join(', ')];
  const why = `it is of ${a}, and ${device.name} is ${b}`;
  throw new VfioError({
    kind: 'unsupported',
    operation: `restore ${name}`,
    why,
    hint: '--force writes it all the same',
  });
}

function nameOf({ register: { space, path } }: Pick<RestoreStep, 'register'>): string {
  return `${space}.${path}`;
}

/** What was not restored and why, a line for each reason. */
function notes({ skips, readOnly, config, unknown }: RestorePlan): string[] {
  const reasons = new Map<string, string[]>();
  for (const skip of skips) {
    const names = reasons.get(skip.reason);
    if (names === undefined) reasons.set(skip.reason, [nameOf(skip)]);
    else names.push(nameOf(skip));
  }
  return [
    ...[...reasons].map(([reason, names]) => `not restored: ${names.join(', ')}: ${reason}`),
    ...(unknown.length > 0 ? [`the profile's order has what no map has: ${unknown.join(', ')}`] : []),
    ...(readOnly > 0 ? [`${countText(readOnly, 'register')} can only be read`] : []),
    ...(config > 0 ? ['the config space stays as it is; naming it restores it: restore FILE config'] : []),
  ];
}

/** Whose word it is that the registers are what they are, where it is not the device's. */
function originOf({ problems }: Image, borrowed: readonly string[]): readonly string[] {
  if (borrowed.length === 0) return problems;
  const where = borrowed.join(', ');
  return [
    `no map of the device describes ${where}: what may be written there is what those of the snapshot say`,
    ...problems,
  ];
}

/** What would be done, as far as that does not depend on what is read. */
function plannedView(plan: RestorePlan, origin: readonly string[], verify: boolean): View {
  const back = verify ? ', and read it back' : '';
  const lines = plan.steps.map((step) => {
    const { value, mask, register } = step;
    const bits = mask === (1n << BigInt(register.width)) - 1n ? '' : ` in the bits 0x${mask.toString(16)}`;
    return `would read ${nameOf(step)}, and where it differs write ${hexValue(value & mask, register.width)}${bits}${back}`;
  });
  return {
    kind: 'text',
    lines: [...origin, ...(lines.length === 0 ? ['would restore nothing'] : lines), ...notes(plan)],
  };
}

interface Done extends Restored {
  readonly readBack?: bigint;
}

function doneView(plan: RestorePlan, origin: readonly string[], done: readonly Done[]): View {
  const shown = done.filter(({ written, error }) => written !== undefined || error !== undefined);
  const rows = shown.map(({ step, old, written, error, readBack }): Record<string, Cell> => {
    const { register, mask } = step;
    const hex = (value: bigint | undefined): string => (value === undefined ? '' : hexValue(value, register.width));
    const fields =
      old === undefined || written === undefined ? [] : turns(register, old, (old & ~mask) | (written & mask));
    const differs = readBack !== undefined && written !== undefined && (readBack & mask) !== (written & mask);
    const says = [
      ...fields.map((field) => `${field.name} ${field.old} -> ${field.new}`),
      ...(differs ? [`reads back ${hex(readBack)}`] : []),
    ].join(', ');
    return {
      name: nameOf(step),
      old: hex(old),
      written: error === undefined ? hex(written) : 'failed',
      says: error === undefined ? says : [{ text: reasonOf(error), role: 'fault' }],
    };
  });
  const written = done.filter((one) => one.written !== undefined).length;
  const same = done.filter((one) => one.written === undefined && one.error === undefined).length;
  const left = plan.steps.length - done.length;
  const summary =
    `${countText(written, 'register')} written, ${same} as ${same === 1 ? 'it was' : 'they were'} already` +
    (left > 0
      ? `; ${countText(left, 'register')} not reached: ${plan.steps.slice(done.length).map(nameOf).join(', ')}`
      : '');
  return {
    kind: 'all',
    views: [
      ...(origin.length === 0 ? [] : [{ kind: 'text', prose: true, lines: origin } as const]),
      {
        kind: 'table',
        columns: [
          { key: 'name', header: 'register' },
          { key: 'old', header: 'was' },
          { key: 'written', header: 'written' },
          { key: 'says', header: '', shrink: true },
        ],
        rows,
        empty: 'nothing had to be written',
      },
      { kind: 'text', prose: true, lines: [summary, ...notes(plan)] },
    ],
    data: {
      kind: 'restore',
      ...(origin.length > 0 && { origin }),
      written: done.map(({ step, old, written: word, error, readBack }) => ({
        name: nameOf(step),
        old,
        written: word,
        readBack,
        ...(error && { error: reasonOf(error) }),
      })),
      skipped: plan.skips.map((skip) => ({ name: nameOf(skip), reason: skip.reason })),
      notReached: plan.steps.slice(done.length).map(nameOf),
      readOnly: plan.readOnly,
      config: plan.config,
    },
  };
}

export const commands = [
  defineCommand({
    name: 'restore',
    group: 'registers',
    summary: 'write registers back to what they were when a snapshot was taken',
    details:
      'Only registers that maps describe, and of these only bits that store what is written: each is read once, and written once where it ' +
      "differs; its other bits are written so that nothing happens to them. The maps are the device's; a region that none of these " +
      "describes is restored by what the snapshot's own maps say of it. The order is the profile's, which also says which " +
      'registers; without one, that of the maps. Write-only registers, and those that a read or a write acts on, stay as they are, ' +
      'with the reason; the config space unless it is named. -n shows what would be written. A snapshot of another kind of device is refused, unless --force.',
    arguments: {
      file: file('a snapshot'),
      names: many(registersAmong('only these: a register, a block, a space, or a pattern')),
    },
    flags: {
      verify: toggle('read what was written back, by one more access each, when all is written'),
      force: toggle('also from a snapshot of another kind of device'),
    },
    effect: 'write',
    needs: 'device',
    plans: true,
    examples: [
      {
        line: 'restore /tmp/good.json',
        says: 'back to how it was',
        device: 'sim:sram',
        after: ['snapshot /tmp/good.json region1', 'set CTRL SPEED=FAST EN=1'],
      },
      {
        line: 'restore /tmp/good.json CTRL -n',
        says: 'what would be done with one register',
        device: 'sim:sram',
        after: ['snapshot /tmp/good.json region1'],
      },
    ],
    async *run(context, { arguments: { file: path, names }, flags }) {
      const { device } = context;
      const image = readImage(path);
      if (!flags.force) await checkKind(device, image);
      const described = describedBy(device, image);
      const { registers, borrowed } = described;
      if (registers.registers.length === 0) {
        throw new UsageError(
          [
            'no register map is loaded, and the snapshot brings none of its regions: nobody knows what may be written',
            ...image.problems,
          ].join('; '),
          undefined,
          'regs load FILE loads one; load writes raw bytes',
        );
      }
      const among = names.length === 0 ? undefined : names.flatMap((name) => name.in(registers));
      const plan = planRestore(device, image, described, among);
      const origin = originOf(image, borrowed);
      if (context.dryRun) {
        yield plannedView(plan, origin, flags.verify);
        return;
      }
      const done: Done[] = [];
      try {
        for (const step of plan.steps) {
          done.push(restoreStep(step));
          await context.breathe();
        }
        for (const [nth, one] of flags.verify ? done.entries() : []) done[nth] = verified(one);
      } catch (error) {
        // The device is gone, or the user has seen enough: what was written until then is written.
        yield doneView(plan, origin, done);
        throw error;
      }
      yield doneView(plan, origin, done);
      const failed = done.filter(({ error }) => error !== undefined);
      const [first] = failed;
      if (first?.error === undefined) return;
      throw new VfioError({
        ...first.error.details,
        operation: `restore ${nameOf(first.step)}`,
        why: `${first.error.details.why}${failed.length > 1 ? `; ${failed.length - 1} more failed` : ''}`,
      });
    },
  }),
];

/** Reads a register that was written once more. */
function verified(done: Restored): Done {
  const { step, written } = done;
  if (written === undefined) return done;
  const { space, register } = step;
  try {
    return { ...done, readBack: BigInt(space.read(register.width, register.offset)) };
  } catch (error) {
    if (error instanceof VfioError && error.kind === 'access') return { ...done, error };
    throw error;
  }
}
