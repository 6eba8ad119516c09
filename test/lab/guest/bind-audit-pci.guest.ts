import assert from 'node:assert/strict';
import { readFileSync, realpathSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandModules } from '../../../src/repl/commands/index.js';
import { Registry } from '../../../src/repl/registry.js';
import { checkout } from '../project.js';
import { at, STATE } from './at-change.js';
import { bindings, done, records } from './bindings.js';
import { findPci } from './bind.js';
import { Prompt } from './prompt.js';
import { SysfsWatch } from './sysfs-watch.js';
import { Tool } from './tool.js';

const [edu = '', , inGroup = ''] = findPci(0x1234, 0x11e8);
const [port = ''] = findPci(0x1b36, 0x0003);
const journal = `${STATE}/unfinished.jsonl`;

interface Write {
  readonly file: string;
  readonly bytes: string;
}

/** Examples that take their time, and what is done in their place. */
const SLOW = /--every|--for|100000/;
const IN_PLACE_OF_SLOW = [
  'watch region0 0 --every 10ms --count 2',
  'sample region0 0 100',
  'plot region0 0 --every 10ms --count 3',
];

/** The lines of the journal on disk. */
function journalled(): unknown[] {
  const lines = readFileSync(journal, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

it('each write of a bind to sysfs stands in its journal before it is made', async () => {
  using prompt = new Prompt();
  const before = bindings('pci');
  const { steps } = (await prompt.json(`bind ${port} -n`)) as { steps: (Write & { action: string })[] };
  assert.equal(steps.length, 3);
  for (const nth of steps.keys()) {
    using tool = new Prompt(at({ of: 'sysfs', nth }, { what: 'stop', when: 'before' }));
    tool.tool.type(`bind ${port}`);
    await stopped(tool.tool.pid);
    const expected = steps
      .slice(0, nth + 1)
      .flatMap(({ action, file, bytes }) => [{ intend: { action, file, bytes } }, { did: null }]);
    assert.deepEqual(journalled().slice(1), expected.slice(0, -1));
    tool.tool.signal('SIGKILL');
    await tool.tool.left();
    await prompt.json('bind --recover');
    assert.deepEqual(bindings('pci'), before);
  }
});

async function stopped(pid: number | undefined): Promise<void> {
  while (!/^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(50);
}

it('what bind and release write to sysfs is in the log, in its order, and nothing besides', async () => {
  using prompt = new Prompt();
  const watch = new SysfsWatch();
  for (const line of [
    `bind ${port}`,
    `release ${port}`,
    `bind ${inGroup} --whole-group`,
    `release ${inGroup} --whole-group`,
    `bind ${edu} --method new_id`,
    `release ${edu}`,
  ]) {
    await prompt.json(line);
  }
  const { rows } = (await prompt.json('log bind --last 1000')) as { rows: { data: Write }[] };
  assert.ok(rows.length > 20, `${rows.length} writes`);
  const logged = rows.map(({ data: { file } }) => realpathSync(file));
  // What happens to one file several times in a row may be one event.
  assert.deepEqual(
    watch.changed(),
    logged.filter((file, nth) => file !== logged[nth - 1]),
  );
});

it('nothing else has a file of sysfs open for writing: every command, by its examples, with a real edu', async () => {
  await done(`bind ${edu}`);
  const before = { bindings: bindings('pci'), records: records() };
  const commands = await new Registry(commandModules).loadAll();
  // Behind the others: what they set stays.
  const last = ['option', 'close'];
  const ordered = commands.toSorted((a, b) => last.indexOf(a.name) - last.indexOf(b.name));
  const examples = ordered
    .filter(({ name }) => name !== 'quit')
    .flatMap(({ effect, examples: all }) => {
      if (effect === 'bind') return [[`bind ${port} -n`, `bind ${inGroup} --whole-group -n`, `release ${port} -n`]];
      const tested = all.filter(({ line, untested }) => untested === undefined && !SLOW.test(line));
      return tested.map(({ line, device = 'sim:edu', after = [] }) => {
        return [`open ${device === 'sim:edu' ? edu : device}`, ...after, line];
      });
    });
  examples.push([`open ${edu}`, ...IN_PLACE_OF_SLOW]);
  process.chdir(checkout);
  const watch = new SysfsWatch();
  let failures = 0;
  // A few processes, since each has its time.
  for (let from = 0; from < examples.length; from += 15) {
    const lines = [...examples.slice(from, from + 15).flat(), "echo 'the end'"];
    using tool = new Tool(['-k', ...lines.flatMap((line) => ['-c', line])]);
    const { stdout, stderr } = await tool.ended();
    process.stdout.write(stderr);
    assert.match(stdout, /the end\n$/);
    failures += stderr.match(/^error: /gm)?.length ?? 0;
  }
  assert.ok(failures < examples.length / 4, `${failures} failures of ${examples.length} examples`);
  assert.deepEqual(watch.changed(), []);
  assert.deepEqual({ bindings: bindings('pci'), records: records() }, before);
  await done(`release ${edu}`);
  assert.notDeepEqual(watch.changed(), [], 'it is not blind');
});
