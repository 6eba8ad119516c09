import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { ExpectationError } from '../../src/repl/usage-error.js';
import { KeptOutput } from './session-fixture.js';

const main = new URL('../../src/repl/main.js', import.meta.url).pathname;

test('every check is a line, what fails has its remedy below, and the command fails', async () => {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  await assert.rejects(
    async () => session.execute('doctor sim:nothing --all', { prefixes: false }),
    (error) => error instanceof ExpectationError && error.message === '1 check failed: model',
  );
  const shown = output.take();
  assert.match(shown, /^this machine\nok {4}mapped access {2}by machine code/);
  assert.match(shown, /\nsim:nothing\nFAIL {2}model {10}no simulated device 'nothing'.*\n {21}try: vfiodbg sim:edu\n/);
  assert.match(shown, /\n1 ok, 0 warnings, 1 failed\n$/);
});

test('doctor is a word of the shell: exit code 3 for a check that fails, 1 where there is no such device', () => {
  const run = (...args: string[]): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });
  const well = run('--json', 'doctor', 'sim:edu');
  assert.equal(well.status, 0);
  const { kind, device, checks, summary } = JSON.parse(well.stdout) as Record<string, unknown>;
  assert.deepEqual(
    { kind, device, summary },
    { kind: 'diagnosis', device: 'sim:edu', summary: { pass: 2, warn: 0, fail: 0, skip: 0 } },
  );
  assert.ok(Array.isArray(checks) && checks.length === 2);
  assert.equal(run('doctor', '/nowhere.sock').status, 3);
  assert.equal(run('doctor', '9999:99:99.7').status, 1);
});

test('with a device open it is the one that is looked at', async (t) => {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  t.after(() => session.closeAll());
  const { journal } = await session.open('sim:edu');
  const before = journal.recorded;
  await session.execute('doctor', { prefixes: false });
  assert.match(output.take(), /\nsim:edu\nok/);
  assert.deepEqual(
    [...journal.entries(before)].map((entry) => entry.kind),
    ['command'],
    'nothing reached the device',
  );
});
