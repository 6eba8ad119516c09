import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { commandModules } from '../../src/repl/commands/index.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { Device } from '../../src/vfio/device.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import { MemfdTransport } from './memfd-transport.js';
import { KeptOutput } from './session-fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-recording-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Board {
  readonly session: Session;
  readonly output: KeptOutput;
  /** Runs lines as if they were typed; what fails is left to the caller. */
  type(...lines: string[]): Promise<void>;
  /** Runs lines that may fail. */
  attempt(...lines: string[]): Promise<unknown>;
}

/** A device of `size` bytes of which those from `end` on fault, with `mmap` or without. */
function board({ size = 4096, end = size, mmap = true }: { size?: number; end?: number; mmap?: boolean } = {}): Board {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  session.options.set('mmap', mmap);
  session.adopt(new Device(new MemfdTransport(size, {}, end === size ? undefined : end), { mmap }));
  const type = async (...lines: string[]): Promise<void> => {
    for (const line of lines) await session.execute(line, { prefixes: true });
  };
  const attempt = async (...lines: string[]): Promise<unknown> => {
    try {
      await type(...lines);
    } catch (error) {
      return error;
    }
    return undefined;
  };
  return { session, output, type, attempt };
}

let count = 0;

/** Records what `lines` do. @returns the recording's path. */
async function record(lines: readonly string[], on: Board = board()): Promise<string> {
  count += 1;
  const path = join(folder, `${count}.rec`);
  await on.type(`record ${path}`);
  for (const line of lines) await on.attempt(line);
  await on.type('record stop');
  on.session.closeAll();
  return path;
}

/** Runs `script` against a recording. @returns the answer, or what it fails with. */
async function compare(script: string, recording: string, on: Board = board()): Promise<string> {
  on.output.take();
  const error = await on.attempt(`run ${script} --compare ${recording}`);
  const { journal } = on.session.device ?? {};
  assert.ok(journal);
  on.session.closeAll();
  if (error === undefined) return on.output.take().trimEnd().split('\n').at(-1) ?? '';
  assert.ok(error instanceof Error);
  return `${error.name}: ${error.message}`;
}

const steps = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#: '))
    .map((line) => line.slice(3));

const crc = (bytes: Uint8Array): string => `0x${crc32(bytes).toString(16).padStart(8, '0')}`;

const lines = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('#'));

test('a recording says what each command did, and runs as a script that does it again', async () => {
  const path = await record([
    'mw region0 0x10 0x1234; pee.b region0 0x10',
    'repeat 2',
    'repeat 2; pek region0 0',
    'repeat 2\n',
    'repeat 2; $n = [region0 0x10]; if $n; poke.w region0 0x14 $n; end; end',
    'peek region0 0 4',
    'fill region0 0x100..0x200 0xa5',
    '= device.region(0).read64(0x10)',
    'peek region0 0x1000',
  ]);
  assert.match(readFileSync(path, 'utf8'), /^# vfiodbg recording 1\n# of memfd \(\w+\), \d{4}-/);
  assert.deepEqual(steps(path).slice(0, 8), [
    'write region0+0x10 (32 bits) <- 0x00001234',
    'read region0+0x10 (8 bits) = 0x34',
    'read region0+0x10 (32 bits) = 0x00001234',
    'write region0+0x14 (16 bits) <- 0x1234',
    'read region0+0x10 (32 bits) = 0x00001234',
    'write region0+0x14 (16 bits) <- 0x1234',
    `read region0+0x0 (32 bits) x 4, crc32 ${crc(Buffer.alloc(16))}`,
    `write region0+0x100 (32 bits) x 64, crc32 ${crc(Buffer.alloc(256, Uint8Array.of(0xa5, 0, 0, 0)))}`,
  ]);
  assert.deepEqual(lines(path), [
    'poke region0 0x10 0x1234',
    'peek.b region0 0x10',
    'repeat 2; $n = [region0 0x10]; if $n; poke.w region0 0x14 $n; end; end',
    'peek region0 0 4',
    'fill region0 0x100..0x200 0xa5',
    '= device.region(0).read64(0x10)',
  ]);
  assert.equal(await compare(path, path), 'all 9 accesses as recorded');
});

test('a block of several lines is recorded as it was typed, names in full', async () => {
  const own = board();
  const path = join(folder, 'typed.rec');
  const reader = own.session.reader({ prefixes: true });
  for (const line of [
    `record ${path}`,
    'repeat 2 # rounds',
    '  pee region0 0; mw region0 4 1',
    '',
    '  if 1',
    '    ec "x # y"',
    '  end',
    'end',
    'repeat 1',
    '  pee region0 0x10000',
    'end',
    'if 1',
    '  record stop',
    'end',
  ]) {
    try {
      await reader.feed(line, 1);
    } catch {
      // It is a comment in the recording.
    }
  }
  own.session.closeAll();
  assert.equal(
    readFileSync(path, 'utf8').split('\n').slice(2).join('\n'),
    [
      '#: read region0+0x0 (32 bits) = 0x00000000',
      '#: write region0+0x4 (32 bits) <- 0x00000001',
      '#: read region0+0x0 (32 bits) = 0x00000000',
      '#: write region0+0x4 (32 bits) <- 0x00000001',
      'repeat 2 # rounds',
      '  peek region0 0; poke region0 4 1',
      '',
      '  if 1',
      '    echo "x # y"',
      '  end',
      'end',
      '# failed: repeat 1',
      '# failed:   peek region0 0x10000',
      '# failed: end',
      '# left out: if 1',
      '# left out:   record stop',
      '# left out: end',
      '',
    ].join('\n'),
  );
});

test('the first access that is not as recorded is shown, and nothing runs behind its command', async () => {
  const script = 'poke region0 0 1\npeek region0 4\npoke region0 8 2\n';
  const path = file('first.vfio', script);
  const recording = await record([`run ${path}`]);
  const other = board();
  const { device } = other.session;
  assert.ok(device);
  device.region(0).write32(4, 0xedcba987);
  const before = device.journal.recorded;
  assert.equal(
    await compare(path, recording, other),
    `ExpectationError: step 2: read region0 0x4: recorded 0x0, now 0xedcba987 (${path}:2, line 4 of the recording)`,
  );
  const made = [...device.journal.entries(before)].filter(({ kind }) => kind === 'read' || kind === 'write');
  assert.deepEqual(
    made.map((entry) => ('offset' in entry ? entry.offset : undefined)),
    [0, 4],
  );
});

test('every way to differ has words of its own', async () => {
  const base = ['poke region0 0 1', 'peek region0 4', 'dump region0 0 64B', 'wait region0 0 == 1'];
  const recording = await record(base);
  const cases: [script: readonly string[], message: RegExp, on?: Board][] = [
    [['poke region0 0 2', ...base.slice(1)], /step 1: write region0 0x0: recorded 0x1, now 0x2 /],
    [
      ['poke.b region0 0 1', ...base.slice(1)],
      /step 1: recorded write region0\+0x0 \(32 bits\).*, now write .* \(8 bits\) <- 0x01/,
    ],
    [['poke region0 4 1', ...base.slice(1)], /step 1: recorded write region0\+0x0 .*, now write region0\+0x4 /],
    [[base[0] ?? '', ...base.slice(2)], /step 2: recorded read region0\+0x4 .*, now read region0\+0x0 .* x 16/],
    [[...base.slice(0, 2), 'dump region0 0 32B', base[3] ?? ''], /step 3: recorded read .* x 16, .*, now read .* x 8/],
    [base.slice(0, 3), /step 4: recorded poll region0\+0x0 .*, now nothing more/],
    [[...base, 'peek region0 0x20'], /step 5: recorded nothing more, now read region0\+0x20 .* = 0x0+ /],
    [
      [...base.slice(0, 3), 'poke region0 0 5', 'wait region0 0 == 5'],
      /step 4: recorded poll .*, now write region0\+0x0/,
    ],
    [[], /step 1: recorded write region0\+0x0 .*, now nothing more \(line 3 of the recording\)/],
  ];
  for (const [script, message, on] of cases) {
    const found = await compare(file('case.vfio', `${script.join('\n')}\n`), recording, on);
    assert.match(found, message);
    assert.match(found, /^ExpectationError: /);
  }
  const dumped = board();
  dumped.session.device?.region(0).write32(0x20, 7);
  const bytes = await compare(file('case.vfio', `${base.join('\n')}\n`), recording, dumped);
  assert.match(bytes, /step 3: read region0 0x0 x 16: recorded bytes of crc32 0x[0-9a-f]{8}, now 0x[0-9a-f]{8} /);
});

test('polls count by what they end with, however many reads they take', async () => {
  const own = board();
  const script = file(
    'poll.vfio',
    [
      'poke region0 0 1',
      'while [region0 0] & 1; sleep 1ms; end',
      'peek region0 4',
      'wait region0 0 == 2:2',
      'wait region0 0 != 9',
    ].join('\n'),
  );
  /** The device changes by itself, some time after it was written to. */
  const change = (on: Board, ms: number, value: number): void => {
    const { device } = on.session;
    assert.ok(device?.transport instanceof MemfdTransport);
    const { fd } = device.transport;
    const leave = device.journal.follow(({ kind }) => {
      if (kind !== 'write') return;
      leave();
      setTimeout(() => pwrite(fd, Uint8Array.of(value), 0), ms);
    });
  };
  change(own, 5, 2);
  const recording = await record([`run ${script}`], own);
  assert.deepEqual(
    steps(recording).map((step) => step.replace(/\d+ reads/, 'N reads')),
    [
      'write region0+0x0 (32 bits) <- 0x00000001',
      'poll region0+0x0 (32 bits) = 0x00000002, N reads',
      'read region0+0x4 (32 bits) = 0x00000000',
      'poll region0+0x0 (32 bits) = 0x00000002, N reads',
    ],
  );
  for (const ms of [1, 30]) {
    const other = board();
    change(other, ms, 2);
    assert.equal(await compare(script, recording, other), 'all 4 accesses as recorded');
  }
  const wrong = board();
  change(wrong, 5, 6);
  assert.match(
    await compare(script, recording, wrong),
    /step 2: read region0 0x0: recorded 0x2, now 0x6 \(.*poll\.vfio:2, /,
  );
});

test('a refusal is an answer: the same elsewhere, in other words, is none of the differences', async () => {
  const script = file('holes.vfio', 'peek region0 0\nexpect region0 0x1000 == 0\n');
  const holes = { size: 8192, end: 4096 };
  const recording = await record([`run ${script}`], board(holes));
  assert.match(steps(recording)[1] ?? '', /^read region0\+0x1000 \(32 bits\) refused: SIGBUS$/);
  const edited = file('edited.rec', readFileSync(recording, 'utf8').replace('SIGBUS', 'EIO'));
  assert.match(
    await compare(script, edited, board(holes)),
    /ScriptFailure: .*SIGBUS/,
    'as recorded, and the script fails',
  );
  assert.match(
    await compare(script, recording, board({ size: 8192 })),
    /step 2: read region0 0x1000: recorded refused: SIGBUS, now 0x0 /,
  );
  const whole = await record([`run ${script}`], board({ size: 8192 }));
  assert.match(
    await compare(script, whole, board(holes)),
    /step 2: read region0 0x1000: recorded 0x0, now refused: SIGBUS/,
  );
  const dump = file('dump.vfio', 'dump region0 0xf00..0x1100\n');
  const dumped = await record([`run ${dump}`], board(holes));
  assert.deepEqual(steps(dumped).length, 1, 'a block counts its refused cells');
  assert.match(steps(dumped)[0] ?? '', /x 128, 64 refused, crc32 /);
  assert.equal(await compare(dump, dumped, board(holes)), 'all 1 access as recorded');
  assert.match(await compare(dump, dumped, board({ size: 8192 })), /recorded 64 refused, now 0/);
});

test('what was recorded on mapped windows compares with the file path', async () => {
  const script = file(
    'paths.vfio',
    'poke.q region0 8 0x1122334455667788 --allow-split\npeek.b region0 9\ndump region0 0 64B\n',
  );
  const recording = await record([`run ${script}`]);
  assert.equal(await compare(script, recording, board({ mmap: false })), 'all 3 accesses as recorded');
});

test('in a recording that is run itself, commands that failed do not come again', async () => {
  const path = await record(['peek region0 0', 'peek region0 0x10; expect region0 4 == 9', 'poke region0 0 3']);
  assert.equal(lines(path).length, 3);
  assert.equal(await compare(path, path), 'all 3 accesses as recorded');
  const hard = join(folder, 'hard.rec');
  linkSync(path, hard);
  assert.equal(await compare(hard, path), 'all 3 accesses as recorded', 'by another name');
  const script = file('failing.vfio', 'peek region0 0\nexpect region0 4 == 9\n');
  const recording = await record([`run ${script}`]);
  assert.match(
    await compare(script, recording),
    /^ScriptFailure: .*failing\.vfio:2: expected/,
    'as recorded, so it fails',
  );
});

test('? in a recording stands for any value', async () => {
  const script = file('any.vfio', 'peek region0 0\nwait region0 0 != 9\ndump region0 0 16B\n');
  const recording = await record([`run ${script}`]);
  const any = file('any.rec', readFileSync(recording, 'utf8').replace(/(= |crc32 )0x[0-9a-f]+/g, '$1?'));
  const other = board();
  other.session.device?.region(0).write32(0, 5);
  assert.equal(await compare(script, any, other), 'all 3 accesses as recorded');
});

test('interrupts are counted, wherever they come', async () => {
  const session = (): Session => new Session(new Registry(commandModules), new KeptOutput());
  const script = (times: number): string =>
    file(
      `irqs${times}.vfio`,
      `poke.w config 4 4:4\nirq enable msi\nrepeat ${times}; poke region0 0x60 1; irq wait msi; poke region0 0x64 1; end\n`,
    );
  const run = async (line: string): Promise<string> => {
    const own = session();
    try {
      await own.open('sim:edu');
      await own.execute(line, { prefixes: false });
      return (own.output as KeptOutput).take();
    } finally {
      own.closeAll();
    }
  };
  const path = join(folder, 'irqs.rec');
  await run(`record ${path}; run ${script(2)}; record stop`);
  assert.match(await run(`run ${script(2)} --compare ${path}`), /all 7 accesses and 2 interrupts as recorded/);
  const kept = readFileSync(path, 'utf8');
  writeFileSync(path, kept.replace('#: irq msi[0] x 1\n', ''));
  await assert.rejects(run(`run ${script(2)} --compare ${path}`), /interrupt msi\[0\]: recorded 1 signal, now 2/);
  appendFileSync(path, '#: irq msi[0] x 7\n');
  await assert.rejects(run(`run ${script(2)} --compare ${path}`), /interrupt msi\[0\]: recorded 8 signals, now 2/);
});

test('a script with loops, waits and sources of its own is stopped where it differs', { timeout: 60_000 }, async () => {
  file('inner.vfio', 'peek region0 4\npoke region0 0x10 1\n');
  for (const text of [
    'while 1; peek region0 4; end\n',
    'source inner.vfio\npoke region0 0x10 1\n',
    `run ${join(folder, 'inner.vfio')}\npoke region0 0x10 1\n`,
    'peek region0 4\nwait region0 0 == 1 --timeout 60s\n',
  ]) {
    const script = file('stops.vfio', text);
    const recording = file('stops.rec', '# vfiodbg recording 1\n#: read region0+0x4 (32 bits) = 0x00000001\n');
    const on = board();
    const device = on.session.device;
    assert.ok(device);
    assert.match(await compare(script, recording, on), /^ExpectationError: step 1: read region0 0x4/);
    const writes = [...device.journal.entries()].filter(({ kind }) => kind === 'write');
    assert.deepEqual(writes, [], text);
  }
});

test('with --tap a comparison is one of the expectations', async () => {
  const script = file('tap.vfio', 'expect region0 0 == 0\n');
  const recording = await record([`run ${script}`]);
  const own = board();
  assert.equal(await own.attempt(`run ${script} --compare ${recording} --tap`), undefined);
  assert.match(own.output.take(), /ok 1 - .*\nok 2 - as recorded in .*\n1\.\.2\n/);
  own.session.device?.region(0).write32(0, 1);
  const error = await own.attempt(`run ${script} --compare ${recording} --tap; echo no`);
  assert.ok(error instanceof ExpectationError);
  assert.match(own.output.take(), /^not ok 2 - as recorded/m);
  own.session.closeAll();
});

test('what is no recording is refused before the script runs', async () => {
  const script = file('ok.vfio', 'poke region0 0 1\n');
  const cases: [text: string, message: RegExp][] = [
    ['', /is no recording/],
    ['peek region0 0\n', /is no recording/],
    ['# vfiodbg recording 2\n', /a recording of version 2/],
    ['# vfiodbg recording 1\n#: read region0+0x0 = 5\n', /bad\.rec:2: not what a recording says/],
    [`# vfiodbg recording 1\n# ${'x'.repeat(200_000)}`, /does not end/],
    ['# vfiodbg recording 1\n#: write region0+0x0 (32 bits) <- 0x1\n\n#: nonsense\n', /bad\.rec:4: not what/],
  ];
  for (const [text, message] of cases) {
    const on = board();
    const device = on.session.device;
    assert.match(await compare(script, file('bad.rec', text), on), message);
    assert.deepEqual(
      [...(device?.journal.entries() ?? [])].filter(({ kind }) => kind === 'write'),
      [],
    );
  }
  assert.match(await compare(script, join(folder, 'none.rec')), /no such file/);
  assert.match(await compare(script, folder), /no plain file/);
  const dry = board();
  assert.ok((await dry.attempt(`run ${script} --compare ${script} -n`)) instanceof UsageError);
  dry.session.closeAll();
});
