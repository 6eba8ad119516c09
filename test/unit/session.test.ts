import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants, existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Interrupted } from '../../src/repl/interrupted.js';
import { JavaScriptError } from '../../src/repl/javascript-error.js';
import { runLines, runScript, ScriptFailure } from '../../src/repl/script.js';
import type { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { VfioError } from '../../src/vfio/errors.js';
import type { Region } from '../../src/vfio/region.js';
import type { Space } from '../../src/vfio/space.js';
import type { Width } from '../../src/vfio/width.js';
import { memfdSession } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-session-'));
after(() => rmSync(folder, { recursive: true }));

/** The reads and writes that were made, as the journal has them. */
function accesses(session: Session): string[] {
  const made: string[] = [];
  for (const entry of session.device?.journal.entries() ?? []) {
    if (entry.kind === 'read' || entry.kind === 'write') {
      made.push(`${entry.kind} ${entry.offset.toString(16)} ${entry.width} ${entry.value?.toString(16)}`);
    }
  }
  return made;
}

/** The part of a region from 0x100 on, as a space of its own. */
class Window implements Space {
  readonly name = 'window';
  readonly aliases = [];
  readonly size = 0x100;
  readonly readable = true;
  readonly writable = true;
  readonly #region: Region;

  constructor(region: Region) {
    this.#region = region;
  }

  read(width: Width, offset: number): number | bigint {
    return this.#region.read(width, offset + 0x100);
  }

  write(): never {
    assert.fail('not used');
  }

  readBlock(): never {
    assert.fail('not used');
  }

  writeBlock(): never {
    assert.fail('not used');
  }

  poll(): never {
    assert.fail('not used');
  }
}

async function failure(run: () => unknown): Promise<unknown> {
  try {
    await run();
  } catch (error) {
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing failed' });
}

test('each command makes the accesses that it names, one each, in order', async () => {
  const { session, output } = memfdSession();
  await session.execute('poke region0 0x10 0x12345678; peek.w region0 0x10; poke.b region0 0x11 0xff:0xf0', script);
  assert.deepEqual(accesses(session), ['write 10 32 12345678', 'read 10 16 5678', 'read 11 8 56', 'write 11 8 f6']);
  assert.match(output.take(), /region0\+0x10: 0x5678/);
  session.closeAll();
});

test('once a command is loaded, a line runs without a promise, and its parts are parsed once', async () => {
  const { session } = memfdSession();
  const line = 'poke region0 0x20 $n; peek region0 0x20';
  session.variables.set('n', 1n);
  await session.execute(line, script);
  session.variables.set('n', 2n);
  assert.equal(session.execute(line, script), undefined);
  assert.deepEqual(accesses(session), ['write 20 32 1', 'read 20 32 1', 'write 20 32 2', 'read 20 32 2']);
  session.closeAll();
});

test('variables, the last value, and values read from the device', async () => {
  const { session } = memfdSession();
  await session.execute('$base = 0x100; poke region0 $base 7; peek region0 $base', script);
  assert.equal(session.last, 7n);
  await session.execute('poke region0 $base+4 (($_ << 4) + [region0 $base])', script);
  assert.deepEqual(accesses(session).slice(-2), ['read 100 32 7', 'write 104 32 77']);
  assert.match(String(await failure(() => session.execute('$_ = 1', script))), /cannot be set/);
  session.closeAll();
});

test('a line with an unknown word runs nothing of it', async () => {
  const { session } = memfdSession();
  assert.ok((await failure(() => session.execute('poke region0 0 1; nope', script))) instanceof UsageError);
  assert.ok((await failure(() => session.execute('poke region0 0 1; echo "x', script))) instanceof UsageError);
  assert.deepEqual(accesses(session), []);
  session.closeAll();
});

test('use chooses the space of bare offsets, also for the rest of the line and for lines known before', async () => {
  const { session } = memfdSession();
  const { device } = session;
  assert.ok(device);
  const forget = device.addSpace(new Window(device.region(0)));
  await session.execute('peek 0x8', script);
  await session.execute('use window; peek 0x8', script);
  await session.execute('peek 0x8', script);
  assert.deepEqual(accesses(session), ['read 8 32 0', 'read 108 32 0', 'read 108 32 0']);
  forget();
  session.namesChanged();
  assert.equal(session.defaultSpace?.name, 'region0', 'a space that is gone is no longer the one of use');
  assert.match(String(await failure(() => session.execute('peek window 0', script))), /no space "window"/);
  session.closeAll();
});

test('read-only refuses every command that changes something, before it runs', async () => {
  const { session } = memfdSession();
  await session.execute('option readonly on', script);
  const error = await failure(() => session.execute('poke region0 0 1', script));
  assert.ok(error instanceof VfioError && error.kind === 'readonly');
  await session.execute('peek region0 0; option readonly off; poke region0 0 1', script);
  assert.deepEqual(accesses(session), ['read 0 32 0', 'write 0 32 1']);
  session.closeAll();
});

test('a dry run shows what would be done and does none of it', async () => {
  const { session, output } = memfdSession();
  await session.execute('poke region0 4 5 -n', script);
  assert.equal(output.take(), 'would write region0+0x4 (32 bits) <- 0x5\n');
  await session.execute('option dryrun on', script);
  output.take();
  await session.execute('peek region0 0 4', script);
  assert.equal(output.take(), 'would read region0+0x0 (32 bits), 4 cells\n');
  await session.execute('poke region0 4 [region0 8]+1', script);
  assert.equal(output.take(), 'would read region0+0x8 (32 bits)\nwhat follows depends on what is read\n');
  await session.execute('$x = [region0 8]', script);
  await session.execute('poke region0 4 5:0xff', script);
  const file = join(folder, 'kept');
  await session.execute(`save region0 0..64 ${file}; snapshot ${file}`, script);
  assert.match(output.take(), /^would read region0\+0x8 .*\nwhat follows.*\nwould read region0\+0x4 .*\nwhat follows/);
  assert.equal(existsSync(file), false, 'no file is made of numbers that were not read');
  assert.equal(session.variables.has('x'), false, 'a value that was not read is not kept');
  await session.execute('$x = 5', script);
  assert.equal(session.variables.get('x'), 5n);
  assert.ok((await failure(() => session.execute('= device.region(0).write32(0, 1)', script))) instanceof UsageError);
  await session.execute('expect region0 0 == 99; wait region0 0 == 1 --timeout 10s', script);
  assert.deepEqual(accesses(session), []);
  assert.equal(session.device?.gate.planning, false, 'and the device is as before');
  session.closeAll();
});

test('--js gives the JavaScript and does nothing', async () => {
  const { session, output } = memfdSession();
  await session.execute('poke region0 4 5 --js; peek.q region0 8 --js', script);
  assert.equal(output.take(), "device.region('region0').write32(0x4, 0x5)\ndevice.region('region0').read64(0x8)\n");
  assert.ok((await failure(() => session.execute('poke region0 4 [region0 8] --js', script))) instanceof UsageError);
  assert.deepEqual(accesses(session), []);
  session.closeAll();
});

test('the line that Enter repeats goes on where the last one ended', async () => {
  const { session } = memfdSession(64);
  await session.execute('peek region0 0x8', script);
  assert.equal(session.repeatLine, 'peek.l region0 0xc');
  await session.execute('peek.b region0 0x30 8', script);
  assert.equal(session.repeatLine, 'peek.b region0 0x38 8');
  await session.execute('peek region0 0x3c', script);
  assert.equal(session.repeatLine, undefined, 'at the end of the region there is no further on');
  await session.execute('echo', script);
  assert.equal(session.repeatLine, undefined);
  session.closeAll();
});

test('Ctrl-C ends the running command and not the session', async () => {
  const { session } = memfdSession();
  assert.equal(session.interrupt(), false, 'nothing is running');
  const running = failure(() => session.execute('wait region0 0 == 1 --timeout 60s', script));
  while (!session.interrupt()) await new Promise(setImmediate);
  assert.ok((await running) instanceof Interrupted);
  await session.execute('peek region0 0', script);
  session.closeAll();
});

test('without a device, what needs one says what to do', async () => {
  const { session } = memfdSession();
  await session.execute('close', script);
  const error = await failure(() => session.execute('peek region0 0', script));
  assert.ok(error instanceof VfioError);
  assert.equal(error.details.why, 'no device is open');
  assert.match(error.details.hint ?? '', /sim:edu/);
  await session.execute('echo still here', script);
});

test('a device that goes away is announced, closed, and says so from then on', async () => {
  const { session, output } = memfdSession();
  await session.execute('peek region0 0', script);
  session.device?.lose({ kind: 'lost', operation: 'wait', why: 'unplugged', errno: 'ENODEV' });
  assert.deepEqual(output.notices, ['memfd is gone: ENODEV: unplugged']);
  const error = await failure(() => session.execute('peek region0 0', script));
  assert.ok(error instanceof VfioError && error.kind === 'lost');
  assert.equal(error.details.why, 'unplugged');
  session.closeAll();
});

test('errors of handlers are placed at their command', async () => {
  const { session } = memfdSession();
  const line = 'echo a; option nope on';
  const error = await failure(() => session.execute(line, script));
  assert.ok(error instanceof UsageError);
  assert.deepEqual([error.line, line.slice(error.start, error.end)], [line, 'option nope on']);
  session.closeAll();
});

test('a script stops at its first error, and says which line it was', async () => {
  const { session, output } = memfdSession();
  const path = join(folder, 'stop.vfio');
  writeFileSync(path, '# a comment\r\n\r\necho one\r\npeek region0 1\r\necho two\r\n');
  const error = await failure(() => runScript(session, path));
  assert.ok(error instanceof ScriptFailure && error.cause instanceof VfioError);
  assert.equal(error.where, `${path}:4`);
  assert.equal(output.take(), 'one\n');
  session.closeAll();
});

test('going on shows every failure and runs the rest', async () => {
  const { session, output } = memfdSession();
  const path = join(folder, 'on.vfio');
  writeFileSync(path, 'expect region0 0 == 1\nnope\n\u0007\npeek "x\necho two');
  const failures: ScriptFailure[] = [];
  await runScript(session, path, { goOn: (each) => void failures.push(each) });
  assert.deepEqual(
    failures.map(({ where, cause }) => [
      where.slice(path.length + 1),
      cause instanceof ExpectationError ? 'expectation' : (cause as Error).name,
    ]),
    [
      ['1', 'expectation'],
      ['2', 'UsageError'],
      ['3', 'UsageError'],
      ['4', 'UsageError'],
    ],
  );
  assert.equal(output.take(), 'two\n');
  session.closeAll();
});

test('a script runs scripts with arguments, but not itself without end', async () => {
  const { session, output } = memfdSession();
  const [outer, inner, endless] = ['outer', 'inner', 'endless'].map((name) => join(folder, `${name}.vfio`));
  assert.ok(outer && inner && endless);
  writeFileSync(outer, `run ${inner} region0 0x40\nrun ${inner} region0 0x44\n`);
  writeFileSync(inner, 'peek $1 $2\necho $2 done\n');
  await runScript(session, outer);
  assert.deepEqual(accesses(session), ['read 40 32 0', 'read 44 32 0']);
  assert.match(output.take(), /0x40 done/);
  const missing = await failure(() => runScript(session, inner));
  assert.match(String(missing), /inner\.vfio:1: \$1 is not set/);
  writeFileSync(endless, `run ${endless}\n`);
  assert.match(String(await failure(() => runScript(session, endless))), /32 scripts run each other already/);
  assert.deepEqual(session.scripts, []);
  session.closeAll();
});

test('a script may come in any pieces, and ends with quit', async () => {
  const { session, output } = memfdSession();
  const pieces = Buffer.from('\ufeffecho grüße\necho b\nquit\necho c\n');
  async function* bytewise(): AsyncGenerator<Buffer> {
    for (let at = 0; at < pieces.length; at += 1) yield pieces.subarray(at, at + 1);
  }
  await runLines(session, bytewise(), 'pieces');
  assert.equal(output.take(), 'grüße\nb\n');
  session.closeAll();
});

test('nothing runs behind quit in its line, whether what came before it waited or not', async () => {
  for (const line of ['echo a; quit; poke region0 0 1', 'echo a; sleep 1ms; quit; poke region0 0 1']) {
    const { session, output } = memfdSession();
    await session.execute(line, script);
    assert.deepEqual([output.take(), accesses(session), session.quitting], ['a\n', [], true], line);
    session.closeAll();
  }
});

test('a file that is no script is refused: invalid UTF-8, no line end, a folder, none at all', async () => {
  const { session } = memfdSession();
  const path = join(folder, 'binary');
  writeFileSync(path, Buffer.from([0x65, 0x63, 0x68, 0x6f, 0x20, 0xff, 0xfe, 0x0a]));
  assert.match(
    String(await failure(() => runScript(session, path))),
    /binary:1: the line holds bytes that are no UTF-8/,
  );
  writeFileSync(path, Buffer.alloc(17 * 1024 * 1024, 0x20));
  assert.match(String(await failure(() => runScript(session, path))), /does not end/);
  assert.match(String(await failure(() => runScript(session, folder))), /EISDIR/);
  assert.match(String(await failure(() => runScript(session, join(folder, 'none.vfio')))), /ENOENT/);
  assert.match(String(await failure(() => runScript(session, join(folder, 'none.mjs')))), /ENOENT/);
  session.closeAll();
});

test('a script that never comes can be interrupted, and one from a pipe runs', async () => {
  const { session, output } = memfdSession();
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const waiting = failure(() => session.execute(`run ${pipe}`, script));
  while (!session.interrupt()) await new Promise(setImmediate);
  assert.ok((await waiting) instanceof Interrupted);
  const running = session.execute(`run ${pipe}`, script);
  const writer = await open(pipe, constants.O_WRONLY);
  await writer.write('echo from a pipe\n');
  await writer.close();
  await running;
  assert.equal(output.take(), 'from a pipe\n');
  execFileSync('mkfifo', [`${pipe}.mjs`]);
  assert.match(String(await failure(() => session.execute(`run ${pipe}.mjs`, script))), /no plain file/);
  session.closeAll();
});

test('a module gets the device, and what it throws is its own error with its line', async () => {
  const { session } = memfdSession();
  const path = join(folder, 'module.mjs');
  writeFileSync(
    path,
    'export const run = ({ device, parameters }) => device.region(0).write32(0, Number(parameters[0]));\n',
  );
  await runScript(session, path, { parameters: ['66'] });
  assert.deepEqual(accesses(session), ['write 0 32 42']);
  const wrong = join(folder, 'wrong.mjs');
  writeFileSync(wrong, '\nexport default function () { null.x; }\n');
  const error = await failure(() => runScript(session, wrong));
  assert.ok(error instanceof JavaScriptError);
  assert.equal(error.where, `${wrong}:2`);
  const mended = new Date(Date.now() + 5000);
  writeFileSync(wrong, 'export default () => undefined;\n');
  utimesSync(wrong, mended, mended);
  await runScript(session, wrong);
  writeFileSync(join(folder, 'endless.mjs'), 'export const run = () => new Promise(() => undefined);\n');
  const endless = failure(() => session.execute(`run ${join(folder, 'endless.mjs')}`, script));
  while (!session.interrupt()) await new Promise(setImmediate);
  assert.ok((await endless) instanceof Interrupted);
  writeFileSync(join(folder, 'empty.mjs'), 'export const answer = 42;\n');
  assert.match(String(await failure(() => runScript(session, join(folder, 'empty.mjs')))), /exports no function/);
  writeFileSync(join(folder, 'refused.mjs'), 'export const run = ({ device }) => device.region(0).read32(1);\n');
  const refused = await failure(() => runScript(session, join(folder, 'refused.mjs')));
  assert.ok(refused instanceof ScriptFailure && refused.cause instanceof VfioError);
  assert.equal(refused.where, `${join(folder, 'refused.mjs')}:1`);
  session.closeAll();
});
