import type { View } from '../../views/view.js';
import { file, many, optional, scriptName, text, toggle } from '../arguments.js';
import { defineCommand } from '../command.js';
import { runScript, sourceScript } from '../script.js';
import { UsageError } from '../usage-error.js';

export const commands = [
  defineCommand({
    name: 'run',
    group: 'scripts',
    summary: 'run a script: lines of commands (.vfio), or JavaScript (.mjs)',
    details:
      'Where there is no such file, the script of that name in the profile of the device runs (`profile` lists them). ARGs are $1, $2 and so on in a .vfio script, $# their number and $0 its path. A module exports async function run({ device, open, ' +
      'session, parameters }). A script ends at its first error, which names its line; with --tap or ' +
      '--junit it goes on after an expectation that does not hold, and ends with exit code 3. Behind `--`, ARGs may begin with a dash.\n' +
      '--compare RECORDING holds each access against those that `record` wrote, of this script or of whatever ran it: places, widths, values ' +
      'and refusals in order, and the number of interrupts. When they came does not count, nor how often `wait` or a `while` read a place: ' +
      'its last value does. The first difference ends the run with exit code 3. A ? in place of a value in the recording stands for any.',
    arguments: { script: scriptName('the script'), parameters: many(text('what $1, $2 and so on stand for', 'ARG')) },
    flags: {
      tap: toggle('report every expectation in TAP, in place of what the commands show'),
      junit: optional(file('a file for a report of every expectation, in JUnit XML')),
      bail: toggle('with --tap and --junit: end at the first expectation that does not hold'),
      compare: optional(file('a recording that every access is held against')),
    },
    // Each of the script's own commands is refused in a read-only session by what it does itself.
    effect: 'none',
    needs: 'nothing',
    examples: [
      { line: 'run scripts/edu-bringup.vfio', says: 'a script that ships with the tool', device: 'sim:edu' },
      { line: 'run bringup', says: "the same, as the device's profile calls it", device: 'sim:edu' },
      {
        line: 'run scripts/edu-soak.vfio 2 --tap --junit /tmp/edu.xml',
        says: 'a test of two rounds, with reports for a CI',
        device: 'sim:edu',
      },
      {
        line: 'run /tmp/board.vfio --compare /tmp/board.vfio',
        says: 'do what was recorded again, and show the first access that is not as it was',
        device: 'sim:edu',
        after: ['record /tmp/board.vfio; poke region0 0x4 1; peek region0 0x4; record stop'],
      },
    ],
    async run({ session, signal }, { arguments: { script, parameters }, flags }): Promise<View | void> {
      const { tap, junit, bail, compare } = flags;
      let answer: View | undefined;
      const run = async (): Promise<void> => {
        if (compare === undefined) return runScript(session, script, { parameters, signal });
        const { compareRun } = await import('../compare-run.js');
        answer = await compareRun(session, { script, recording: compare, parameters, signal });
      };
      if (tap || junit !== undefined) {
        const { TestReport } = await import('../test-report.js');
        await TestReport.during(session, { name: script, tap, junit, bail }, run);
      } else {
        if (bail)
          throw new UsageError('--bail is for --tap and --junit: without them a script ends at its first failure');
        await run();
      }
      return answer;
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
];
