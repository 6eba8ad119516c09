import type { View } from '../../views/view.js';
import { duration, optional, text } from '../arguments.js';
import { type Context, defineCommand } from '../command.js';
import { replace } from '../kept-file.js';
import type { PaneBoard } from '../pane-board.js';
import { UsageError } from '../usage-error.js';

const untested = 'the full screen needs a terminal; its own tests run these';

function boardOf({ session }: Context): PaneBoard {
  if (session.panes !== undefined) return session.panes;
  throw new UsageError(
    'there is no full screen',
    undefined,
    'start with --tui; watch repeats a location at the prompt',
  );
}

function said(line: string): View {
  return { kind: 'text', lines: [line] };
}

const period = 'how long from one look to the next; a slow device stretches it';

export const commands = [
  defineCommand({
    name: 'pane',
    group: 'session',
    summary: 'list the panes of the full screen',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'pane', says: 'what is shown, and how often it is looked at', untested }],
    run(context): View {
      const { shown } = boardOf(context);
      return {
        kind: 'table',
        columns: [
          { key: 'name', header: 'pane' },
          { key: 'every', header: 'every', align: 'right' },
          { key: 'visible', header: 'in sight' },
          { key: 'shows', header: 'shows', shrink: true },
        ],
        rows: shown.map(({ name, shows, every, visible }) => ({
          name,
          shows,
          every: `${every} ms`,
          visible: visible ? 'yes' : 'no',
        })),
        empty: 'no pane but the prompt',
        data: shown,
      };
    },
  }),

  defineCommand({
    name: 'pane add',
    group: 'session',
    summary: 'show what a command answers in a pane of the full screen, again and again',
    details:
      'The command is one that only looks, in quotes: dump, peek, reg, decode, info, irq, log, maps, doctor. What a read would change is refused. ' +
      'registers, memory, interrupts and iommu bring those panes back. A pane that is out of sight is not looked at.',
    arguments: { line: text('the command line', 'LINE') },
    flags: { every: optional(duration(period)), name: optional(text('what the pane is called', 'NAME')) },
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: "pane add 'dump region0 0..0x40' --every 500ms", says: 'keep an eye on 64 bytes', untested }],
    async run(context, { arguments: { line }, flags: { every, name } }): Promise<View> {
      return said(`pane ${await boardOf(context).addPane(line, every, name)} added`);
    },
  }),

  defineCommand({
    name: 'pane remove',
    group: 'session',
    summary: 'take a pane away',
    arguments: { name: text('the name, as pane lists it', 'NAME') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'pane remove iommu', says: 'make room for others', untested }],
    run(context, { arguments: { name } }): View {
      boardOf(context).removePane(name);
      return said(`pane ${name} removed`);
    },
  }),

  defineCommand({
    name: 'layout',
    group: 'session',
    summary: 'list the saved layouts of the full screen',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'layout', says: 'the names to load', untested }],
    run(context): View {
      const names = boardOf(context).savedLayouts;
      return { kind: 'text', lines: names.length === 0 ? ['none was saved'] : names, data: { layouts: names } };
    },
  }),

  defineCommand({
    name: 'layout save',
    group: 'session',
    summary: 'save the panes of the full screen under a name',
    details: 'In ~/.config/vfiodbg/layouts. The full screen begins with the one called default, where there is one.',
    arguments: { name: text('the name', 'NAME') },
    flags: { replace },
    effect: 'none',
    needs: 'nothing',
    plans: true,
    examples: [{ line: 'layout save dma', says: 'keep this arrangement', untested }],
    run(context, { arguments: { name }, flags }): View {
      const board = boardOf(context);
      return said(context.dryRun ? `would save ${name}` : `saved in ${board.saveLayout(name, flags.replace)}`);
    },
  }),

  defineCommand({
    name: 'layout load',
    group: 'session',
    summary: 'arrange the panes of the full screen as they were saved',
    arguments: { name: text('the name', 'NAME') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'layout load dma', says: 'back to that arrangement', untested }],
    async run(context, { arguments: { name } }): Promise<View> {
      await boardOf(context).loadLayout(name);
      return said(`layout ${name} loaded`);
    },
  }),
];
