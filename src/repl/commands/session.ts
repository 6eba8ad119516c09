import { readFile } from 'node:fs/promises';
import type { View } from '../../views/view.js';
import { commandName, defaulted, integer, optional, optionName, optionValue, rawLine } from '../arguments.js';
import { defineCommand } from '../command.js';
import { helpView } from '../help.js';
import { historyPath } from '../history.js';
import { optionNames } from '../options.js';

export const commands = [
  defineCommand({
    name: 'help',
    group: 'session',
    summary: 'list the commands, or explain one',
    details: 'A TOPIC is a command, a group of them, or the word language. `COMMAND?` does the same.',
    arguments: { topic: optional(commandName('what to explain')) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    looks: true,
    examples: [
      { line: 'help peek', says: 'what peek takes, with examples' },
      { line: 'help language', says: 'locations, counts, values' },
    ],
    run: ({ session }, { arguments: { topic } }) => helpView(session.registry, topic),
  }),

  defineCommand({
    name: 'option',
    group: 'session',
    summary: 'show or set an option of the session',
    arguments: {
      name: optional(optionName('the option; all, if left out')),
      value: optional(optionValue('its new value')),
    },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'option', says: 'every option with its value' },
      { line: 'option readonly on', says: 'refuse everything that changes the device' },
    ],
    run({ session: { options } }, { arguments: { name, value } }): View {
      if (name !== undefined && value !== undefined) options.setText(name, value);
      const shown = (name === undefined ? optionNames : [options.known(name)]).map((each) => options.show(each));
      return {
        kind: 'table',
        columns: [
          { key: 'name', header: 'option' },
          { key: 'value', header: 'value' },
          { key: 'type', header: 'can be' },
          { key: 'summary', header: 'what it does', shrink: true },
        ],
        rows: shown.map(({ name: option, value: now, type, summary }) => ({ name: option, value: now, type, summary })),
        data: shown,
      };
    },
  }),

  defineCommand({
    name: 'js',
    group: 'scripts',
    summary: 'evaluate JavaScript, with `device`, `session` and `open` at hand',
    details:
      '`= CODE` does the same. `device.region(0).read32(0x100)` is one access, as peek is. await works; what is declared without it stays ' +
      'for the next time. Enter `help language` for the command language.',
    arguments: { code: rawLine('the code, up to the end of the line', 'CODE') },
    flags: {},
    effect: 'none',
    plans: false,
    needs: 'nothing',
    examples: [
      { line: '= device.region(0).read32(0).toString(2)', says: 'a register in binary', device: 'sim:edu' },
      {
        line: 'js await device.irqs.msi.wait({ timeoutMs: 10 }).catch((error) => error.kind)',
        says: 'wait for an interrupt',
        device: 'sim:edu',
        after: ['irq enable msi'],
      },
    ],
    async run({ session, signal }, { arguments: { code } }): Promise<View | void> {
      const { evaluate } = await import('../javascript.js');
      const shown = await evaluate(session, code, signal);
      if (shown !== undefined) return { kind: 'text', lines: shown.split('\n') };
    },
  }),

  defineCommand({
    name: 'history',
    group: 'session',
    summary: 'show the last lines typed at the prompt',
    details: 'They are kept in ~/.vfiodbg_history, readable by its owner alone.',
    arguments: { lines: defaulted(integer('how many', { least: 1 }), 20) },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'history 5', says: 'the last five lines' }],
    async run(_context, { arguments: { lines } }): Promise<View> {
      const path = historyPath();
      const kept = path === undefined ? '' : await readFile(path, 'utf8').catch(() => '');
      const newest = kept.split('\n').filter((line) => line !== '');
      return { kind: 'text', lines: newest.slice(0, lines).toReversed() };
    },
  }),

  defineCommand({
    name: 'quit',
    aliases: ['exit', 'q'],
    group: 'session',
    summary: 'leave, closing every device',
    arguments: {},
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'quit', says: 'leave' }],
    run: ({ session }): void => session.quit(),
  }),
];
