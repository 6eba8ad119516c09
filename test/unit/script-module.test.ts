import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Interrupted } from '../../src/repl/interrupted.js';
import { JavaScriptError } from '../../src/repl/javascript-error.js';
import { runScript, ScriptFailure } from '../../src/repl/script.js';
import type { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { VfioError } from '../../src/vfio/errors.js';
import { memfdSession } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-module-'));
after(() => rmSync(folder, { recursive: true }));

let count = 0;

/** A module whose `run` has `body`; its second line is the body's first. */
function module(body: string): string {
  count += 1;
  const path = join(folder, `m${count}.mjs`);
  const names = 'device, session, open, parameters, signal, peek, poke, expect, wait, sleep, echo, command';
  writeFileSync(path, `export async function run(tools) { const { ${names} } = tools;\n${body}\n}\n`);
  return path;
}

function accesses(session: Session): string[] {
  const made: string[] = [];
  for (const entry of session.device?.journal.entries() ?? []) {
    if (entry.kind === 'read' || entry.kind === 'write')
      made.push(`${entry.kind} ${entry.offset.toString(16)} ${entry.width} ${entry.value?.toString(16)}`);
  }
  return made;
}

async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing failed' });
}

test('peek and poke make exactly the accesses that they name', async () => {
  const { session, output } = memfdSession();
  await runScript(
    session,
    module(`
      poke('region0 0x10', 0x12345678);
      poke('region0+0x18:64', 0x123456789abcdef0n);
      poke('region0+0x10:8', 0xff, 0xf0);
      await echo(peek('region0+0x10:16').toString(16), typeof peek('region0 0x18'), typeof peek('region0+0x18:64'));
      session.variables.set('at', 0x20n);
      peek('region0 $at+4');
    `),
  );
  assert.deepEqual(accesses(session), [
    'write 10 32 12345678',
    'write 18 64 123456789abcdef0',
    'read 10 8 78',
    'write 10 8 f8',
    'read 10 16 56f8',
    'read 18 32 9abcdef0',
    'read 18 64 123456789abcdef0',
    'read 24 32 0',
  ]);
  assert.equal(output.take(), '56f8 number bigint\n', 'and show nothing by themselves');
  session.closeAll();
});

test('expect, wait and command are the commands', async () => {
  const { session, output } = memfdSession();
  await runScript(
    session,
    module(`
      await command('$n = 5; repeat 2; poke region0 0 $n; end');
      await echo(await expect('region0 0 == 5', 'five'), await wait('region0 0 == 5:0xf', { timeout: '10ms' }));
      await expect(peek('region0 0') === parameters.length + 3, 'arguments');
      await sleep(1); await sleep('1ms');
    `),
    { parameters: ['a', 'b'] },
  );
  assert.match(
    output.take(),
    /^region0\+0x0: <- 0x0{7}5\nregion0\+0x0: <- 0x0{7}5\nregion0\+0x0: 0x0{7}5\nregion0.*\ntrue true\n$/,
  );
  session.closeAll();
});

test('what fails is located in the module, whoever threw it', async () => {
  const cases: [body: string, line: number, kind: new (...given: never[]) => Error, message: RegExp][] = [
    [`await expect('region0 0 == 1', 'one');`, 2, ExpectationError, /one: expected region0\+0x0/],
    [
      `\nawait wait('region0 0 == 1', { timeout: 2, as: 'comes "soon"' });`,
      3,
      ExpectationError,
      /comes "soon": .*did not come/,
    ],
    [`await expect(false, 'my own');`, 2, ExpectationError, /my own: it does not hold/],
    [`await expect(17);`, 2, UsageError, /expect takes a line/],
    [`\n\npeek('region0 1');`, 4, VfioError, /not aligned/],
    [`peek('region0 0 0');`, 2, UsageError, /takes no more words/],
    [`poke('region0 0', -1);`, 2, UsageError, /-1 is no value/],
    [`poke('region0 0', 0.5);`, 2, UsageError, /0.5 is no value/],
    [`poke('region0+0:8', 256);`, 2, VfioError, /does not fit 8 bits/],
    [`await command('nope');`, 2, UsageError, /there is no command "nope"/],
    [`await command('if 1');`, 2, UsageError, /"if" has no end/],
    [`await sleep('long');`, 2, UsageError, /"long" is no duration/],
    [`device.region(0).read32(2);`, 2, VfioError, /not aligned/],
    [`session.closeAll(); peek('region0 0');`, 2, UsageError, /no device is open/],
    [`session.closeAll(); tools.device;`, 2, VfioError, /no device is open/],
  ];
  for (const [body, line, kind, message] of cases) {
    const { session } = memfdSession();
    const path = module(body);
    const error = await failure(() => runScript(session, path));
    assert.ok(error instanceof ScriptFailure, `${body}: ${String(error)}`);
    assert.equal(error.where, `${path}:${line}`, body);
    assert.ok(error.cause instanceof kind, body);
    assert.match(error.message, message);
    assert.equal(session.checks, undefined);
    session.closeAll();
  }
  const { session } = memfdSession();
  const own = await failure(() => runScript(session, module('null.x')));
  assert.ok(own instanceof JavaScriptError && own.where?.endsWith(':2') === true);
  session.closeAll();
});

test('in a report a module is told what does not hold, goes on, and is counted', async () => {
  const { session, output } = memfdSession();
  const path = module(`
    await echo(await expect('region0 0 == 1', 'one'), await expect('region0 0 == 0'), await expect(1 > 2, 'two'));
    await wait('region0 0 == 7', { timeout: 1 });
  `);
  const error = await failure(() => session.execute(`run ${path} --tap`, { prefixes: false }));
  assert.ok(error instanceof ExpectationError);
  assert.equal(error.message, '3 of 4 expectations failed');
  const shown = output.take();
  assert.match(shown, /^# false true false$/m);
  assert.match(shown, /^not ok 1 - one$/m);
  assert.match(shown, /^not ok 3 - two$/m);
  assert.match(shown, new RegExp(`file: "${path}"\n {4}line: 4\n {2}\\.\\.\\.\n1\\.\\.4`));
  session.closeAll();
});

test('a module that loops over its tools is interrupted', { timeout: 60_000 }, async () => {
  for (const body of [
    'for (;;) await expect("region0 0 == 0");',
    'await sleep("1m");',
    'await wait("region0 0 == 1", { timeout: "1m" });',
    'for (;;) await command("$n = 1");',
  ]) {
    const { session } = memfdSession();
    const running = failure(() => session.execute(`run ${module(body)}`, { prefixes: false }));
    await new Promise((resolve) => setTimeout(resolve, 30));
    while (!session.interrupt()) await new Promise(setImmediate);
    assert.ok((await running) instanceof Interrupted, body);
    session.closeAll();
  }
});
