import { VfioError } from '../../vfio/errors.js';
import type { PlannedAction } from '../../vfio/gate.js';
import { countText } from '../../views/numbers.js';
import type { View } from '../../views/view.js';
import { file, toggle } from '../arguments.js';
import { answerOf } from '../bug-report/answer.js';
import { machineView } from '../bug-report/machine.js';
import { type Part, partsOf } from '../bug-report/parts.js';
import { markdown, type Report, reportJson } from '../bug-report/text.js';
import { type Context, defineCommand } from '../command.js';
import { refuseLoss, replace } from '../kept-file.js';
import { WholeFile } from '../whole-file.js';

async function plannedView(context: Context, path: string, parts: readonly Part[]): Promise<View> {
  const reading = parts.filter(({ reads }) => reads);
  const actions: PlannedAction[] = [];
  for (const { line } of reading) {
    actions.push(...((await context.session.device?.gate.dryRun(() => answerOf(context, line))) ?? []));
  }
  const others = parts.filter(({ reads }) => reads !== true).map(({ title }) => title.toLowerCase());
  return {
    kind: 'text',
    lines: [...actions.map(({ text }) => `would ${text}`), `would write ${path}: machine, ${others.join(', ')}`],
  };
}

/** All answers: of what does not touch the device first, so that the log and the statistics are those of before the reads. */
async function collect(context: Context, wanted: readonly Part[], left: readonly string[]): Promise<Report> {
  const taken = new Date().toISOString();
  const machine = machineView(context.session.roots);
  const order = [...wanted.filter(({ reads }) => reads !== true), ...wanted.filter(({ reads }) => reads)];
  const answers = new Map<Part, Part & Awaited<ReturnType<typeof answerOf>>>();
  for (const part of order) {
    context.progress(part.title.toLowerCase());
    answers.set(part, { ...part, ...(await answerOf(context, part.line)) });
    await context.breathe();
  }
  return { taken, machine, parts: wanted.flatMap((part) => answers.get(part) ?? []), left };
}

function writtenView(path: string, { parts, left }: Report, bytes: number): View {
  // What is not there (a device tree, say) is an answer too.
  const failed = parts
    .filter(({ error }) => error !== undefined && !(error instanceof VfioError && error.kind === 'absent'))
    .map(({ title }) => title.toLowerCase());
  const size = bytes < 1024 ? countText(bytes, 'byte') : `${Math.ceil(bytes / 1024)} KiB`;
  return {
    kind: 'text',
    lines: [
      `${path}: ${countText(parts.length + 1, 'part')}, ${size}; look through it before you give it away`,
      ...(failed.length === 0 ? [] : [`these end with an error: ${failed.join(', ')}`]),
      ...left.map((one) => `not read: ${one}`),
    ],
    data: { kind: 'report', file: path, parts: parts.map(({ title }) => title), failed, left },
  };
}

export const commands = [
  defineCommand({
    name: 'report',
    group: 'session',
    summary: 'write all that a bug report needs to one file',
    details:
      'Versions, kernel, the checks of doctor, the device with its group, regions, device tree node, profile and register maps, its config space ' +
      'and registers, interrupts, mappings, options, and the log: what info, regions, irq and the other commands answer, one part each, as ' +
      'Markdown; as JSON where the name ends in .json. It reads the config space and each register that maps describe once, but none that a ' +
      'read would change: these are named with the reason. --no-read reads nothing of the device. What fails is told in its part, and the ' +
      'others go on. Without a device it is of the machine alone. Names of users, home folders and serial numbers are left out; values of ' +
      'registers and the commands of the log are not: look through it before you give it away. snapshot keeps the contents of regions.',
    arguments: { file: file('the file to write: Markdown, or JSON if it ends in .json') },
    flags: {
      noRead: toggle('make no access to the device'),
      replace,
    },
    effect: 'read',
    needs: 'nothing',
    plans: true,
    examples: [
      { line: 'report /tmp/sram.md', says: 'one file for the bug tracker', device: 'sim:sram' },
      {
        line: 'report /tmp/edu-report.json --no-read',
        says: 'the same as JSON, and the device left alone',
        device: 'sim:edu',
      },
    ],
    async run(context, { arguments: { file: path }, flags }): Promise<View> {
      refuseLoss(path, flags.replace);
      const all = partsOf(context.session);
      const parts = all.filter(({ reads }) => !flags.noRead || reads !== true);
      const left = all.filter((part) => !parts.includes(part)).map(({ title }) => `${title.toLowerCase()}: --no-read`);
      if (context.dryRun) return plannedView(context, path, parts);
      // A file that cannot be is found out before the reads.
      const out = await WholeFile.create(path, flags.replace, context.signal);
      try {
        const report = await collect(context, parts, left);
        const text = path.endsWith('.json') ? reportJson(report) : markdown(report);
        await out.write(text);
        await out.commit();
        return writtenView(path, report, Buffer.byteLength(text));
      } catch (error) {
        await out.discard();
        throw error;
      }
    },
  }),
];
