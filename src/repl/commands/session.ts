import { readFile } from 'node:fs/promises';
import type { View } from '../../views/view.js';
import {
  commandName,
  defaulted,
  file,
  integer,
  many,
  optional,
  optionName,
  optionValue,
  rawLine,
  text,
  toggle,
} from '../arguments.js';
import { defineCommand } from '../command.js';
import { helpView } from '../help.js';
import { historyPath } from '../history.js';
import { optionNames } from '../options.js';
import { runScript, sourceScript } from '../script.js';
import { UsageError } from '../usage-error.js';

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
    name: 'run',
    group: 'scripts',
    summary: 'run a script: lines of commands (.vfio), or JavaScript (.mjs)',
    details:
      'ARGs are $1, $2 and so on in a .vfio script, $# their number and $0 its path. A module exports async function run({ device, open, ' +
      'session, parameters }). A script ends at its first error, which names its line; with --tap or ' +
      '--junit it goes on after an expectation that does not hold, and ends with exit code 3. Behind `--`, ARGs may begin with a dash.',
    arguments: { script: file('the script'), parameters: many(text('what $1, $2 and so on stand for', 'ARG')) },
    flags: {
      tap: toggle('report every expectation in TAP, in place of what the commands show'),
      junit: optional(file('a file for a report of every expectation, in JUnit XML')),
      bail: toggle('with --tap and --junit: end at the first expectation that does not hold'),
    },
    // Each of the script's own commands is refused in a read-only session by what it does itself.
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'run scripts/edu-bringup.vfio', says: 'a script that ships with the tool', device: 'sim:edu' },
      {
        line: 'run scripts/edu-soak.vfio 2 --tap --junit /tmp/edu.xml',
        says: 'a test of two rounds, with reports for a CI',
        device: 'sim:edu',
      },
    ],
    async run({ session, signal }, { arguments: { script, parameters }, flags: { tap, junit, bail } }): Promise<void> {
      const run = (): Promise<void> => runScript(session, script, { parameters, signal });
      if (!tap && junit === undefined) {
        if (bail)
          throw new UsageError('--bail is for --tap and --junit: without them a script ends at its first failure');
        return run();
      }
      const { TestReport } = await import('../test-report.js');
      await TestReport.during(session, { name: script, tap, junit, bail }, run);
    },
  }),

  defineCommand({
    name: 'source',
    group: 'scripts',
    summary: 'run a script as if its lines stood here',
    details:
      'In a script FILE is found from the folder of that script on, and $0, $1 and so on are those of the script. `run` gives a script ' +
      'arguments of its own. Variables are shared either way.',
    arguments: { script: file('the script') },
    flags: {},
    effect: 'none',
    needs: 'nothing',
    examples: [{ line: 'source scripts/edu-registers.vfio', says: 'names for what is to come' }],
    async run({ session, signal }, { arguments: { script } }): Promise<void> {
      await sourceScript(session, script, signal);
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
      const kept = await readFile(historyPath(), 'utf8').catch(() => '');
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
