import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/repl/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-cli-'));
after(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const environment = { ...process.env, NO_COLOR: undefined, VFIODBG_DEBUG: undefined };

function begin(args: readonly string[], stdin: 'pipe' | 'ignore' = 'ignore'): ChildProcess {
  return spawn(process.execPath, [main, ...args], { stdio: [stdin, 'pipe', 'pipe'], env: environment, cwd: folder });
}

async function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (piece: Buffer) => (out += piece.toString()));
  child.stderr?.on('data', (piece: Buffer) => (err += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.doesNotMatch(err, /\n\s+at |internal error/, 'never a stack trace');
  return { code, out, err };
}

function run(...args: string[]): Promise<Ended> {
  return ended(begin(args));
}

/** With `input` on standard input. */
function fed(input: string | Buffer, ...args: string[]): Promise<Ended> {
  const child = begin(args, 'pipe');
  child.stdin?.end(input);
  return ended(child);
}

/** Resolves when standard error or output says `text`. */
function says(child: ChildProcess, text: string): Promise<void> {
  let said = '';
  return new Promise((resolve) => {
    const take = (piece: Buffer): void => {
      said += piece.toString();
      if (said.includes(text)) resolve();
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
  });
}

test('answers go to standard output, all else to standard error; without colour where there is no terminal', async () => {
  const { code, out, err } = await run('-c', 'peek region0 0x0', '-c', 'echo done', 'sim:edu');
  assert.deepEqual({ code, out, err }, { code: 0, out: 'region0.ID (region0+0x0): 0x010000ed\ndone\n', err: '' });
});

test('exit codes: 1 a command failed, 2 usage, 3 an expectation, 4 no such device', async () => {
  const results = await Promise.all([
    run('-c', 'peek region0 1', '-c', 'echo no', 'sim:edu'),
    run('-c', 'nope', 'sim:edu'),
    run('--nope'),
    run('-c', 'expect region0 0 == 1', 'sim:edu'),
    run('-c', 'echo no', '0000:ff:1f.7'),
    run('-c', 'echo no', '/nonexistent/socket'),
    run('-c', 'echo no', 'sim:nope'),
    run('-c', 'echo no', 'snapshot:/nonexistent'),
    run('-x', '/nonexistent.vfio', 'sim:edu'),
    run('--read-only', '-c', 'poke region0 4 1', 'sim:edu'),
  ]);
  assert.deepEqual(
    results.map(({ code }) => code),
    [1, 2, 2, 3, 4, 4, 4, 4, 1, 1],
  );
  for (const { out, err } of results) {
    assert.equal(out, '');
    assert.match(err, /^error: /);
  }
});

test('a wrong line is underlined, and a failed read prints no number', async () => {
  const { out, err } = await run('-c', 'peek regoin0 0', 'sim:edu');
  assert.equal(out, '');
  assert.match(err, /\n {2}peek regoin0 0\n {7}\^{7}\n {2}try: did you mean region0\?/);
  const refused = await run('-c', 'peek region0 0x100000', 'sim:edu');
  assert.equal(refused.out, '');
  assert.match(refused.err, /past the end/);
});

test('-k goes on, and the exit code is that of the first failure', async () => {
  const { code, out, err } = await run('-k', '-c', 'expect region0 0 == 1', '-c', 'nope', '-c', 'echo on', 'sim:edu');
  assert.deepEqual([code, out], [3, 'on\n']);
  assert.equal(err.match(/^error: /gm)?.length, 2);
});

test('standard input is a script where it is no terminal, with the line in its errors', async () => {
  const { code, out, err } = await fed('echo a\n\npeek region0 1\necho b\n', 'sim:edu');
  assert.deepEqual([code, out], [1, 'a\n']);
  assert.match(err, /^error: standard input:3: read region0\+0x1/);
  assert.deepEqual(await fed('echo alone'), { code: 0, out: 'alone\n', err: '' }, 'without a device');
  assert.deepEqual(await fed('', 'sim:edu'), { code: 0, out: '', err: '' }, 'empty');
  const between = await fed('echo fed $1\n', '-c', 'echo first', '-x', '-', '-c', 'echo last', '--', '7');
  assert.deepEqual(between, { code: 0, out: 'first\nfed 7\nlast\n', err: '' }, 'where -x - stands');
  const binary = await fed(Buffer.from([0x65, 0x80, 0x0a]), 'sim:edu');
  assert.equal(binary.code, 2);
  assert.match(binary.err, /standard input:1: the line holds bytes that are no UTF-8/);
  const long = await fed(`echo ${'x'.repeat(1_000_000)}\npeek ${'('.repeat(1_000_000)}\n`, 'sim:edu');
  assert.deepEqual([long.code, long.out.length], [2, 1_000_001]);
  assert.ok(long.err.length < 1000, 'an error shows the neighbourhood, not the megabyte');
});

test('standard input closed is an empty one', async () => {
  const child = spawn('/bin/sh', ['-c', '"$0" "$1" sim:edu <&-', process.execPath, main], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.deepEqual(await ended(child), { code: 0, out: '', err: '' });
});

test('--json is one line a view, and one line an error', async () => {
  const { out, err } = await run('--json', '-c', 'peek region0 0; echo "a\\e[2J"', '-c', 'peek region0 1', 'sim:edu');
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines[0], {
    kind: 'read',
    space: 'region0',
    offset: 0,
    width: 32,
    value: 0x010000ed,
    name: 'ID',
  });
  assert.equal(lines[1]?.['kind'], 'text');
  const { error } = JSON.parse(err) as { error: Record<string, unknown> };
  assert.deepEqual([error['kind'], error['space'], error['offset']], ['access', 'region0', 1]);
  assert.ok(!out.includes('\u001b'), 'nothing in it moves a cursor');
});

test('-n makes no access, --js prints JavaScript', async () => {
  const [dry, js] = await Promise.all([
    run('-n', '-c', 'poke region0 4 5', 'sim:edu'),
    run('--js', '-c', 'poke region0 4 5', 'sim:edu'),
  ]);
  assert.equal(dry.out, 'would write region0+0x4 (32 bits) <- 0x5\n');
  assert.equal(js.out, "device.region('region0').write32(0x4, 0x5)\n");
});

test('arguments behind -- reach scripts, commands and standard input', async () => {
  const path = join(folder, 'arguments.vfio');
  writeFileSync(path, '#!/usr/bin/env -S vfiodbg -x\nif $# == 2\n  peek region0 $2\n  echo $1\nend\n');
  const expected = 'region0.ID (region0+0x0): 0x010000ed\na b\n';
  assert.equal((await run('-x', path, 'sim:edu', '--', 'a b', '0x0')).out, expected);
  assert.equal((await run('-c', 'peek region0 $2; echo $1', 'sim:edu', '--', 'a b', '0x0')).out, expected);
  assert.equal((await fed('peek region0 $2\necho $1', 'sim:edu', '--', 'a b', '0x0')).out, expected);
  const block = '\ufeffif $# == 2\r\n  # a comment\r\n  repeat 2\r\n    echo "x;  end"\r\n  end\r\nend';
  assert.equal((await fed(block, 'sim:edu', '--', '1', '2')).out, 'x;  end\nx;  end\n');
  const several = await run('-c', 'repeat 2\n  echo x\nend\necho y', 'sim:edu');
  assert.equal(several.out, 'x\nx\ny\n', 'and -c takes what the shell gives it in several lines');
  const open = await run('-c', 'repeat 2', '-c', 'end', 'sim:edu');
  assert.deepEqual([open.code, open.out], [2, '']);
  assert.match(open.err, /"repeat" has no end/);
});

test('--tap and --junit report on all that the command line runs, with exit codes', async () => {
  const xml = join(folder, 'report.xml');
  const good = ['-c', 'expect region0 0 == 0x010000ed --as "the ID"'];
  const wrong = ['-c', 'expect region0 0 == 1'];
  const all = await run('--tap', '--junit', xml, ...good, ...wrong, ...good, 'sim:edu');
  assert.equal(all.code, 3);
  assert.match(all.out, /^TAP version 13\n# region0.*\nok 1 - the ID\nnot ok 2 - (?:.*\n)*ok 3 - the ID\n1\.\.3\n/);
  assert.match(all.err, /^error: 1 of 3 expectations failed\n$/);
  assert.match(readFileSync(xml, 'utf8'), /<testsuite name="vfiodbg" tests="3" failures="1" errors="0"/);
  assert.equal((await run('--tap', ...good, 'sim:edu')).code, 0);
  const bail = await run('--tap', '--bail', ...wrong, ...good, 'sim:edu');
  assert.deepEqual([bail.code, /^Bail out! expected/m.test(bail.out), bail.out.includes('the ID')], [3, true, false]);
  const fatal = await run('--tap', ...good, '-c', 'nope', ...good, 'sim:edu');
  assert.deepEqual([fatal.code, /^Bail out! there is no command "nope"$/m.test(fatal.out)], [2, true]);
  const kept = await run('-k', '--tap', '-c', 'nope', ...good, 'sim:edu');
  assert.deepEqual([kept.code, /^not ok 1 - nope\n(?: {2}.*\n)+.*\nok 2 - the ID\n1\.\.2$/m.test(kept.out)], [2, true]);
  assert.match((await fed('expect region0 0 != 0\n', '--tap', 'sim:edu')).out, /^ok 1 - expect.*\n1\.\.1$/m);
  assert.equal((await run('--junit', `${folder}/no/x.xml`, ...good, 'sim:edu')).code, 1);
});

test('what -x runs is recorded as a run of it, with its arguments', async () => {
  const path = join(folder, 'recorded script.vfio');
  writeFileSync(path, 'peek region0 $2\nexpect region0 0 == $1\n');
  const recordings = [join(folder, 'good.rec'), join(folder, 'bad.rec')];
  await run('-c', `record ${recordings[0]}`, '-x', path, 'sim:edu', '--', '0x010000ed', '-4+4');
  await run('-c', `record ${recordings[1]}`, '-x', path, 'sim:edu', '--', '5', '0');
  const [good = '', bad = ''] = recordings.map((each) => readFileSync(each, 'utf8'));
  const reads = '#: read region0+0x0 (32 bits) = 0x010000ed\n'.repeat(2);
  assert.ok(good.endsWith(`Z\n${reads}run "${path}" -- 0x010000ed -4+4\n`), good);
  assert.ok(bad.endsWith(`Z\n${reads}# failed: run "${path}" -- 5 0\n`), bad);
  const again = await run('-c', `run ${recordings[0]} --compare ${recordings[0]}`, 'sim:edu');
  assert.match(again.out, /all 2 accesses as recorded\n$/);
});

test('SIGTERM and SIGINT end a loop that never waits', { timeout: 60_000 }, async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = begin(['-c', 'echo loops; sleep 1ms', '-c', 'while 1; $n = 1; end', 'sim:edu']);
    const end = ended(child);
    await says(child, 'loops');
    child.kill(signal);
    assert.equal((await end).code, code, signal);
  }
});

test('a script of many lines and much output goes through a pipe whole', async () => {
  const path = join(folder, 'many.vfio');
  writeFileSync(path, 'peek region0 0x0\n'.repeat(20_000));
  const { code, out } = await run('-x', path, 'sim:sram');
  assert.equal(code, 0);
  assert.equal(out.split('\n').length, 20_001);
  assert.equal(new Set(out.split('\n').slice(0, -1)).size, 1);
});

test('a reader that goes away ends it quietly', async () => {
  const path = join(folder, 'endless.vfio');
  writeFileSync(path, 'dump region0 0..0x8000\n'.repeat(2000));
  const child = begin(['-x', path, 'sim:sram']);
  child.stdout?.once('data', () => child.stdout?.destroy());
  let err = '';
  child.stderr?.on('data', (piece: Buffer) => (err += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([code, err], [141, '']);
});

test('a current folder that has been deleted is told', async () => {
  const gone = mkdtempSync(join(folder, 'gone-'));
  const script = 'rmdir "$PWD"; exec "$0" "$1" -c "peek region0 0" sim:edu';
  const child = spawn('/bin/sh', ['-c', script, process.execPath, main], {
    cwd: gone,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { code, out, err } = await ended(child);
  assert.deepEqual([code, out], [1, '']);
  assert.match(err, /^error: start in the current folder: ENOENT\n {2}why: it has been deleted\n/);
});

test('an output that takes no more is an error', async () => {
  for (const args of [['-c', 'echo x'], ['--help'], ['--version']]) {
    const full = openSync('/dev/full', 'w');
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', full, 'pipe'] });
    closeSync(full);
    const { code, err } = await ended(child);
    assert.equal(code, 1, args[0]);
    assert.match(err, /ENOSPC/, args[0]);
  }
});

test('a signal that ends the process takes the file away that is not whole yet', async () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    const kept = mkdtempSync(join(folder, 'part-'));
    // One message for each byte: this takes longer than the test waits for the file to begin.
    const child = begin(['-c', `save.b region0 0..1M ${kept}/edu.bin`, 'sim:edu']);
    const end = once(child, 'close');
    while (readdirSync(kept).length === 0 && child.exitCode === null) await pause(5);
    assert.match(readdirSync(kept).join(), /^edu\.bin\.\w+\.part$/, signal);
    child.kill(signal);
    await end;
    assert.deepEqual(readdirSync(kept), [], signal);
  }
});

test('SIGINT ends it with 130, SIGTERM with 143, while a command runs', async () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = begin(['-c', 'echo waiting; wait region0 0 == 1 --timeout 60s', 'sim:edu']);
    const end = ended(child);
    await says(child, 'waiting');
    child.kill(signal);
    assert.deepEqual(await end, { code, out: 'waiting\n', err: '' }, signal);
  }
});

test('a bug ends it with 70, in one line without a stack', async () => {
  const throwLater = 'process.nextTick(() => { throw Object.assign(new Error("a bug"), { stack: "Error: a bug" }) })';
  const child = begin(['-c', `= ${throwLater}; undefined`, '-c', 'sleep 10s', 'sim:edu']);
  let err = '';
  child.stderr?.on('data', (piece: Buffer) => (err += piece.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 70);
  assert.match(err, /^internal error: Error: a bug; please report\n.*VFIODBG_DEBUG=1.*\n$/);
});

test('lines that are fed to the prompt run to their ends, as in a script: its end is no wish to leave', async () => {
  const waits = 'wait region0 0 == 1 --timeout 200ms\nsleep 100ms; echo slept\n';
  const { code, out, err } = await fed(`${waits}echo last`, '-i', 'sim:edu');
  assert.match(err, /did not come in 200 ms/, 'it was not called off');
  assert.match(out, /slept\n[^]*last\n/);
  assert.equal(code, 0, 'an error is an answer at the prompt');
  const left = await fed('echo one\nquit\necho two\n', '-i', '-c', 'echo zero', 'sim:edu');
  assert.match(left.out, /zero\n[^]*one\n/);
  assert.doesNotMatch(left.out, /two/);
  assert.match((await fed('repeat 2\necho in\n', '-i', 'sim:edu')).err, /"repeat" has no end/);
  const read = await fed('echo one\n', '-x', '-', '-i', 'sim:edu');
  assert.deepEqual([read.code, read.out], [0, 'one\n'], 'there is nothing left for a prompt');
});

test('serve offers a device that another process opens', async () => {
  const path = join(folder, 'edu.sock');
  const server = begin(['serve', 'sim:edu', '--socket', path]);
  const end = ended(server);
  await says(server, 'is served at');
  const client = await run('-c', 'peek region0 0', path);
  assert.deepEqual([client.code, client.out], [0, 'region0+0x0: 0x010000ed\n']);
  server.kill('SIGTERM');
  assert.equal((await end).code, 143);
});

test('--help and --version', async () => {
  const [help, version] = await Promise.all([run('--help'), run('--version')]);
  assert.match(help.out, /Exit codes/);
  assert.match(version.out, /^vfiodbg \d+\.\d+\.\d+\n$/);
});
