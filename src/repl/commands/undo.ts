import { VfioError } from '../../vfio/errors.js';
import { type History, historyOf, type Past } from '../../vfio/registers/history.js';
import { type BackWrite, type Step, stepsBack } from '../../vfio/registers/undo.js';
import { hexValue, place } from '../../views/numbers.js';
import type { View, WriteView } from '../../views/view.js';
import { defaulted, integer, toggle } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';

/** Writes that --list shows. */
const LISTED = 20;

/** The last `count` writes, the most recent first. */
function lastWrites(history: History, count: number): readonly Past[] {
  return history.writes.slice(-count).toReversed();
}

/** 'region1.CTRL', or 'region1+0xc' where no map names the place. */
function nameOf({ device }: Context<'device'>, { space, offset, width }: BackWrite | Past['entry']): string {
  const register = device.registers.registerAt(space, offset, width);
  return register === undefined ? place(space, offset) : `${space}.${register.path}`;
}

function takeBack(context: Context<'device'>, history: History, past: Past, back: BackWrite): WriteView {
  const { device } = context;
  const { width, offset, value } = back;
  const space = device.findSpace(back.space);
  if (space === undefined) throw new Error(`the space ${back.space} went away while it was written`);
  const word = width === 64 ? value : Number(value);
  // The number that the journal gives to the write.
  const own = device.journal.recorded;
  space.write(width, offset, word);
  if (!context.dryRun) {
    history.settle(past.entry.sequence);
    history.settle(own);
  }
  const register = device.registers.registerAt(back.space, offset, width);
  return {
    kind: 'write',
    space: space.name,
    offset,
    width,
    value: word,
    written: word,
    ...(register && { name: register.path }),
    notes: [`takes back ${writtenText(past)}: ${past.command}`],
  };
}

function writtenText({ entry }: Past): string {
  return 'stride' in entry ? `${entry.count} cells` : hexValue(entry.value ?? 0, entry.width);
}

function listView(context: Context<'device'>, steps: readonly Step[]): View {
  return {
    kind: 'table',
    columns: [
      { key: 'nth', header: '#', align: 'right' },
      { key: 'place', header: 'place' },
      { key: 'written', header: 'written' },
      { key: 'back', header: 'undo writes', shrink: true },
      { key: 'command', header: 'by', shrink: true },
    ],
    rows: steps.map((step, index) => ({
      nth: String(index + 1),
      place: nameOf(context, step.past.entry),
      written: writtenText(step.past),
      back:
        'back' in step
          ? hexValue(step.back.value, step.back.width)
          : [{ text: `no: ${step.refused}`, role: 'warning' }],
      command: step.past.command,
    })),
    empty: 'nothing was written',
    data: steps.map((step) => ({
      space: step.past.entry.space,
      offset: step.past.entry.offset,
      width: step.past.entry.width,
      command: step.past.command,
      ...('back' in step ? { undo: hexValue(step.back.value, step.back.width) } : { refused: step.refused }),
    })),
  };
}

export const commands = [
  defineCommand({
    name: 'undo',
    group: 'registers',
    summary: 'take back the last writes, by writing what was there before',
    details:
      'Takes back the last write, or the last N, the most recent first, each by one write and no read. A write can be taken back where its map ' +
      'says that the register stores what is written, and where it is known what was there: the register was read before it, or by it (set, ' +
      'VALUE:MASK), and not reset since. What a write did beside that (a trigger, a flag cleared by a one) stays done: such writes are ' +
      'refused with the reason. Memory in DMA buffers is taken back too. --list shows the last writes and touches nothing.',
    arguments: { count: defaulted(integer('how many writes', { least: 1 }), 1) },
    flags: {
      list: toggle('show the last writes, and what would take them back', { tells: true }),
      force: toggle('take places that no map describes for memory'),
    },
    effect: 'write',
    needs: 'device',
    examples: [
      { line: 'undo', says: 'take the last write back', device: 'sim:sram', after: ['set CTRL EN=1'] },
      { line: 'undo --list', says: 'the last writes', device: 'sim:sram', after: ['set CTRL EN=1'] },
    ],
    run(context, { arguments: { count }, flags }): View {
      const { device } = context;
      const history = historyOf(device);
      history.update();
      const pasts = lastWrites(history, flags.list ? LISTED : count);
      const steps = stepsBack(device, pasts, flags.force);
      if (flags.list) return listView(context, steps);
      const refusals: string[] = [];
      const writes: WriteView[] = [];
      for (const step of steps) {
        if ('back' in step) writes.push(takeBack(context, history, step.past, step.back));
        else refusals.push(`${nameOf(context, step.past.entry)} <- ${writtenText(step.past)}: ${step.refused}`);
      }
      const [first] = steps;
      if (writes.length === 0) {
        if (first === undefined || !('refused' in first)) {
          const why = 'nothing was written that is not taken back already';
          throw new VfioError({ kind: 'absent', operation: 'undo', why, hint: 'log access shows what was done' });
        }
        const { space, offset, width } = first.past.entry;
        throw new VfioError({
          kind: 'unsupported',
          operation: 'undo',
          space,
          offset,
          width,
          why: `"${first.past.command}" wrote ${writtenText(first.past)}: ${first.refused}`,
          hint: 'undo --list shows which writes can be taken back, undo 2 goes one further',
        });
      }
      if (refusals.length === 0) return writes.length === 1 && writes[0] ? writes[0] : { kind: 'all', views: writes };
      const lines = refusals.map((text) => `not taken back: ${text}`);
      return { kind: 'all', views: [...writes, { kind: 'text', lines }] };
    },
  }),
];
