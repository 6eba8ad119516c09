import { type Journal, type JournalEntry, monotonicNs } from '../../vfio/journal.js';
import type { Column, View } from '../../views/view.js';
import { choice, defaulted, duration, file, integer, many, optional, text, toggle } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { entryData, entryText, isAbout, topicNames } from '../journal-text.js';
import { refuseLoss, replace } from '../kept-file.js';
import { Recording, recordingOf } from '../recording.js';
import { UsageError } from '../usage-error.js';

const columns: readonly Column[] = [
  { key: 'time', header: 'time', align: 'right' },
  { key: 'since', header: 'since last', align: 'right' },
  { key: 'kind', header: 'kind' },
  { key: 'text', header: 'what happened', shrink: true },
];

/** Nanoseconds with a unit that keeps three or more digits: '41.2 us', '1.500 s'. */
function span(ns: number): string {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} us`;
  return ns < 1e9 ? `${(ns / 1e6).toFixed(3)} ms` : `${(ns / 1e9).toFixed(3)} s`;
}

function row(entry: JournalEntry, start: number, before: number | undefined): Record<string, string> {
  return {
    time: ((entry.time - start) / 1e9).toFixed(6),
    since: before === undefined ? '' : `${entry.time < before ? '-' : '+'}${span(Math.abs(entry.time - before))}`,
    kind: entry.kind,
    text: entryText(entry),
  };
}

/** Entries as they are recorded, behind `earlier` ones, until the command is interrupted. */
async function* following(
  context: Context,
  wanted: (entry: JournalEntry) => boolean,
  earlier: readonly JournalEntry[],
): AsyncGenerator<View> {
  const { journal } = context.session;
  const waiting = [...earlier];
  let wake: (() => void) | undefined;
  const leave = journal.follow((entry) => {
    if (!wanted(entry)) return;
    waiting.push(entry);
    wake?.();
  });
  const aborted = (): void => wake?.();
  context.signal.addEventListener('abort', aborted);
  const start = startOf(journal);
  let before: number | undefined;
  try {
    while (!context.signal.aborted) {
      for (const entry of waiting.splice(0)) {
        const { time, since, kind, text: what } = row(entry, start, before);
        before = entry.time;
        const line = `${time} ${since?.padStart(11)} ${kind?.padEnd(11)} ${what}`;
        yield { kind: 'text', lines: [line], data: entryData(entry) };
      }
      // Either may have come while a line was being shown.
      if (waiting.length > 0 || context.signal.aborted) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    leave();
    context.signal.removeEventListener('abort', aborted);
  }
}

/** The time of the journal's oldest kept entry: what times are shown from. */
function startOf(journal: Journal): number {
  for (const entry of journal.entries()) return entry.time;
  return monotonicNs();
}

export const commands = [
  defineCommand({
    name: 'log',
    group: 'session',
    summary: 'show what happened to the device, with times',
    details:
      'Accesses, interrupts, resets, DMA mappings, commands and errors share one time line, in seconds since its first kept entry; ' +
      '"since last" is the time from the entry above. TOPICs choose what is shown. --follow shows what comes from now on until Ctrl-C, with ' +
      '--since behind what came in that last time.',
    arguments: { topics: many(choice('what to show', topicNames)) },
    flags: {
      since: optional(duration('only what happened in this last time')),
      last: defaulted(integer('entries to show at the most, counted from the end', { least: 1 }), 50),
      follow: toggle('show entries as they come, until Ctrl-C'),
    },
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'log access', says: 'the last reads and writes', device: 'sim:edu', after: ['peek region0 0x0'] },
      { line: 'log irq --since 5s', says: 'interrupts of the last five seconds', device: 'sim:edu' },
    ],
    run(context, { arguments: { topics }, flags }) {
      const { journal } = context.session;
      const wanted = (entry: JournalEntry): boolean => isAbout(entry, topics);
      const from = flags.since === undefined ? 0 : monotonicNs() - flags.since * 1e6;
      const chosen = [...journal.entries()].filter((entry) => wanted(entry) && entry.time >= from);
      const inOrder = chosen.toSorted((a, b) => a.time - b.time);
      // What is to come does not come in a dry run.
      if (flags.follow && !context.dryRun) return following(context, wanted, flags.since === undefined ? [] : inOrder);
      const shown = inOrder.slice(-flags.last);
      const start = startOf(journal);
      const rows = shown.map((entry, nth) => row(entry, start, shown[nth - 1]?.time));
      const table: View = { kind: 'table', columns, rows, empty: 'nothing yet', data: shown.map(entryData) };
      const notes = [
        ...(chosen.length > shown.length ? [`${chosen.length - shown.length} before them; --last N shows more`] : []),
        ...(journal.dropped > 0
          ? [`${journal.dropped} of ${journal.recorded} entries have made room for newer ones`]
          : []),
      ];
      return notes.length === 0 ? table : { kind: 'all', views: [table, { kind: 'text', lines: notes }] };
    },
  }),

  defineCommand({
    name: 'record',
    group: 'scripts',
    summary: 'write what is done from now on to a file, as a script',
    details:
      'Each command is written with the accesses that it made, their values as comments above it; one that failed is a comment itself. ' +
      '`record stop` ends it; so does closing the device. Without an argument it says what is being recorded. `run SCRIPT --compare FILE` ' +
      'holds what happens then against it.',
    arguments: { target: optional(file('the script to write, or the word stop')) },
    flags: { note: optional(text('a comment for the head of the script', 'TEXT')), replace },
    effect: 'none',
    needs: 'device',
    plans: true,
    examples: [
      {
        line: 'record /tmp/session.vfio; peek region0 0; record stop',
        says: 'a script with one command in it',
        device: 'sim:edu',
      },
    ],
    run(context, { arguments: { target }, flags }): View {
      const { device } = context;
      const running = recordingOf(device);
      if (target === undefined) {
        return {
          kind: 'text',
          lines: [
            running ? `recording to ${running.path}, ${running.commands} commands so far` : 'nothing is being recorded',
          ],
        };
      }
      if (target === 'stop') {
        if (context.dryRun) return { kind: 'text', lines: ['would end the recording'] };
        if (!running) throw new UsageError('nothing is being recorded', undefined, 'record FILE begins it');
        running.stop();
        return { kind: 'text', lines: [`${running.path}: ${running.commands} commands`] };
      }
      if (running) throw new UsageError(`already recording to ${running.path}`, undefined, 'record stop ends it');
      refuseLoss(target, flags.replace);
      if (context.dryRun) return { kind: 'text', lines: [`would record to ${target}`] };
      Recording.start(context.session, device, target, flags.note);
      return { kind: 'text', lines: [`recording to ${target}`] };
    },
  }),
];
