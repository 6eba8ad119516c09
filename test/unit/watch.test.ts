import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commandModules } from '../../src/repl/commands/index.js';
import { Interrupted } from '../../src/repl/interrupted.js';
import { Registry } from '../../src/repl/registry.js';
import { Session } from '../../src/repl/session.js';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { Scan } from '../../src/vfio/scan.js';
import { pwrite } from '../../src/vfio/sys/libc.js';
import { Ticker } from '../../src/vfio/ticker.js';
import { json } from '../../src/views/sinks/json.js';
import { plain } from '../../src/views/sinks/plain.js';
import { MemfdTransport } from './memfd-transport.js';
import { block, field, map, register } from './register-fixture.js';
import { KeptOutput, memfdSession } from './session-fixture.js';

const script = { prefixes: false };
const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-watch-'));
after(() => rmSync(folder, { recursive: true }));

/** A device whose accesses all go to its transport, which notes them. */
function unmapped(): { device: Device; transport: MemfdTransport; set: (offset: number, value: number) => void } {
  const transport = new MemfdTransport(4096);
  const device = new Device(transport, { mmap: false });
  const set = (offset: number, value: number): void => void pwrite(transport.fd, Uint8Array.of(value), offset);
  return { device, transport, set };
}

/** Until the watch that runs has made its first round. */
async function begun(output: KeptOutput): Promise<void> {
  while (output.views.length === 0) await new Promise(setImmediate);
}

test('a round reads each place once, at its own width, in the order given, and gives what changed', () => {
  const { device, transport, set } = unmapped();
  const space = device.region(0);
  const place = (offset: number, width: 8 | 16 | 32 | 64) => ({ space, offset, width });
  const places = [place(0, 32), place(4, 32), place(16, 32), place(3, 8), place(64, 16), place(0, 64), place(8, 64)];
  const scan = new Scan(places, { journal: device.journal });
  assert.deepEqual(
    scan.round().map(({ index, old, value }) => [index, old, value]),
    places.map((_, index) => [index, undefined, 0n]),
  );
  assert.deepEqual(
    transport.calls.map(({ offset, bytes }) => [offset, bytes]),
    places.map(({ offset, width }) => [offset, width / 8]),
  );
  assert.deepEqual(scan.round(), []);
  set(5, 0x12);
  set(65, 0xff);
  assert.deepEqual(
    scan.round().map(({ index, old, value }) => [index, old, value]),
    [
      [1, 0n, 0x1200n],
      [4, 0n, 0xff00n],
      [5, 0n, 0x1200_0000_0000n],
    ],
  );
  assert.equal(transport.calls.length, 3 * places.length);
  device.close();
});

test('the journal has the reads that brought a change, and the sum of all of them', () => {
  const { device, set } = unmapped();
  const places = Array.from({ length: 8 }, (_, nth) => ({
    space: device.region(0),
    offset: nth * 4,
    width: 32 as const,
  }));
  const scan = new Scan(places, { journal: device.journal });
  scan.round();
  const before = device.journal.recorded;
  for (let round = 0; round < 10; round += 1) scan.round();
  set(8, 1);
  scan.round();
  scan.end('watch');
  const entries = [...device.journal.entries(before)];
  assert.deepEqual(
    entries.map((entry) => ('text' in entry ? entry.text : [entry.offset, 'value' in entry && entry.value])),
    [[8, 1], 'watch: 96 reads in 12 rounds'],
  );
  device.close();
});

test('a place that faults is told once, and again when it answers; those beside it are read all the same', () => {
  const transport = new MemfdTransport(8192, {}, 8192);
  const device = new Device(transport, { mmap: false });
  let broken = true;
  const read = transport.read.bind(transport);
  transport.read = (region, offset, into) => {
    if (broken && offset === 4) throw new VfioError({ kind: 'access', operation: 'pread', errno: 'EIO', why: 'off' });
    read(region, offset, into);
  };
  const scan = new Scan(
    [0, 4, 8].map((offset) => ({ space: device.region(0), offset, width: 32 })),
    { journal: device.journal },
  );
  const told = (): unknown[] => scan.round().map(({ index, value, fault }) => [index, value ?? fault]);
  assert.deepEqual(told(), [
    [0, 0n],
    [1, 'EIO: the access was refused'],
    [2, 0n],
  ]);
  assert.deepEqual(told(), []);
  broken = false;
  assert.deepEqual(told(), [[1, 0n]]);
  broken = true;
  assert.deepEqual(told(), [[1, 'EIO: the access was refused']]);
  assert.equal(scan.value(1), 0n, 'the last value is kept');
  device.close();
});

test('beats do not drift, and those that went by are counted', async () => {
  const ticker = new Ticker(4);
  const { signal } = new AbortController();
  let missed = 0;
  for (let beat = 1; beat + missed < 25; beat += 1) {
    missed += await ticker.next(signal);
    assert.ok(ticker.elapsed >= 4 * (beat + missed), `beat ${beat} came early`);
    const busy = ticker.elapsed + (beat === 5 ? 10 : 1);
    while (ticker.elapsed < busy);
  }
  assert.ok(missed >= 2);
});

test('watch shows changes only, and the expression that ends it sees what the watch has read', async () => {
  const { session, output } = memfdSession();
  const { journal } = session.device ?? assert.fail();
  const running = session.execute('watch region0 0x10 region0 0x20:8 --every 1ms --until [region0+0x10]==3', script);
  await begun(output);
  for (const value of [1, 2, 3]) {
    session.device?.region(0).write32(0x10, value);
    while (!output.views.some((view) => plain(view).includes(`-> 0x0000000${value}`))) await new Promise(setImmediate);
  }
  await running;
  const lines = output.take().split('\n');
  assert.equal(lines[0], 'every 1 ms: region0+0x10 = 0x0, region0+0x20 = 0x0');
  assert.deepEqual(
    lines
      .slice(1, -2)
      .filter((line) => !line.startsWith('reading takes'))
      .map((line) => line.replace(/^ +[0-9.]+ {2}/, '')),
    ['1', '2', '3'].map((now, nth) => `region0+0x10  0x0000000${nth} -> 0x0000000${now}`),
  );
  assert.match(lines.at(-2) ?? '', /^3 changes in \d+ rounds.*\(\[region0\+0x10\]==3 came\)$/);
  const rounds = Number(/in (\d+) rounds/.exec(lines.at(-2) ?? '')?.[1]);
  const sum = [...journal.entries()].find((entry) => entry.kind === 'note');
  assert.deepEqual(sum && 'data' in sum && sum.data, { reads: 2 * rounds, faults: 0, rounds });
  assert.equal(session.last, 3n);
  session.closeAll();
});

test('with --json each change is a line, and 64 bits are text', async () => {
  const { session, output } = memfdSession();
  const running = session.execute('watch.q region0 0x10 --every 1ms --count 5', script);
  await begun(output);
  session.device?.region(0).write64(0x10, 2n ** 60n);
  await running;
  const [first, change, end] = output.views.map((view) => JSON.parse(json(view)) as Record<string, unknown>);
  assert.equal(first?.['kind'], 'watch');
  const { time, ...rest } = change ?? {};
  assert.equal(typeof time, 'number');
  const wanted = { kind: 'change', name: 'region0+0x10', space: 'region0', offset: 0x10, width: 64, old: '0x0' };
  assert.deepEqual(rest, { ...wanted, value: '0x1000000000000000' });
  assert.deepEqual([end?.['kind'], end?.['rounds'], end?.['changes']], ['watched', 5, 1]);
  session.closeAll();
});

test('what must not be read is refused by name, left out of a range, and read with --force', async () => {
  const { session, output, transport } = memfdSession();
  const device = session.device ?? assert.fail();
  device.mmap = false;
  device.registers.addCautions([{ space: 'region0', start: 4, end: 8, reason: 'FIFO: reading it pops a word' }]);
  await assert.rejects(
    async () => session.execute('watch region0 4 --count 1', script),
    /FIFO: reading it pops a word/,
  );
  await assert.rejects(
    async () => session.execute('watch region0 0 --until [region0+4]==0 --count 1', script),
    /FIFO: reading it pops a word/,
  );
  await session.execute('watch region0 0..0x10 --count 1', script);
  assert.match(output.take(), /region0\+0x0 = 0x0, region0\+0x8 = .*\n.*left out: FIFO: reading it pops a word/);
  assert.deepEqual([...new Set(transport.calls.map(({ offset }) => offset))], [0, 8, 12]);
  await session.execute('watch region0 4 --count 1 --force', script);
  assert.equal(transport.calls.at(-1)?.offset, 4);
  session.closeAll();
});

test('reads that take longer than the period are told, and stretch it', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const read = transport.read.bind(transport);
  transport.read = (region, offset, into) => {
    const end = performance.now() + 25;
    while (performance.now() < end);
    read(region, offset, into);
  };
  await session.execute('watch region0 0 --every 10ms --count 3', script);
  assert.match(
    output.take(),
    /reading takes [\d.]+ ms: every [3-9]\d+ ms in place of every 10 ms\n.* and \d+ left out/,
  );
  session.closeAll();
});

test('a dry run of a watch reads nothing and writes no file', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  await session.execute(`watch region0 0 region0 8 --csv ${folder}/none.csv -n`, script);
  assert.match(output.take(), /would read region0\+0x0 \(32 bits\)/);
  assert.deepEqual(transport.calls, []);
  assert.throws(() => readFileSync(`${folder}/none.csv`), /ENOENT/);
  session.closeAll();
});

test('Ctrl-C ends a watch with its summary', async () => {
  const { session, output } = memfdSession();
  const running = session.execute('watch region0 0', script);
  await begun(output);
  session.interrupt();
  await assert.rejects(async () => running, Interrupted);
  assert.match(output.take(), /0 changes in \d+ rounds?,/);
  session.closeAll();
});

test('a device that goes away ends a watch', async () => {
  const { session, output } = memfdSession();
  const running = session.execute('watch region0 0 --every 1ms', script);
  await begun(output);
  session.device?.lose({ kind: 'lost', operation: 'access', why: 'it was unplugged' });
  await assert.rejects(async () => running, /it was unplugged/);
  session.closeAll();
});

test('a CSV file has a row for every round', async () => {
  const { session } = memfdSession();
  const path = join(folder, 'rows.csv');
  session.device?.region(0).write64(8, 2n ** 64n - 1n);
  await session.execute(`watch region0 0 region0 8:64 --every 1ms --count 3 --csv ${path}`, script);
  const [head, ...rows] = readFileSync(path, 'utf8').trimEnd().split('\n');
  assert.equal(head, 'time_s,region0+0x0,region0+0x8');
  assert.equal(rows.length, 3);
  for (const row of rows) assert.match(row, /^\d+\.\d{6},0,18446744073709551615$/);
  session.closeAll();
});

test('a CSV file that takes no more ends the watch with its errno, and a pipe is never waited for', async () => {
  const { session, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const watch = (path: string): Promise<void> =>
    Promise.resolve().then(() => session.execute(`watch region0 0..0x800 --every 1ms --csv ${path}`, script));
  await assert.rejects(watch('/dev/full'), /ENOSPC/);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await assert.rejects(watch(pipe), /ENXIO: nobody reads that pipe/);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const running = watch(pipe);
  const buffer = Buffer.alloc(4096);
  // Rounds of 512 reads, enough of them to fill the pipe while nobody reads.
  while (transport.calls.length < 128 * 512) await new Promise(setImmediate);
  assert.ok(readSync(reader, buffer) > 0);
  assert.match(buffer.toString(), /^time_s,region0\+0x0,/);
  closeSync(reader);
  await assert.rejects(running, /EPIPE/);
  session.closeAll();
});

test('the simulated device counts as many reads as the watch says it has made', async () => {
  const output = new KeptOutput();
  const session = new Session(new Registry(commandModules), output);
  await session.open('sim:sram');
  const reads = (): number => session.device?.region('region1').read32(0x68) ?? 0;
  const before = reads();
  await session.execute('watch region1 0x0 region1 0xc region1 0x40:8 region1 0x48:64 --every 1ms --count 4', script);
  assert.equal(reads() - before, 16);
  session.closeAll();
});

/** A session whose device has registers by name, a FIFO and a write-only register among them. */
function described(): ReturnType<typeof memfdSession> {
  const made = memfdSession();
  const uart = (nth: number): ReturnType<typeof block> =>
    block(`UART${nth}`, nth * 0x40, [
      register(`UART${nth}.CR`, nth * 0x40, {
        fields: [field('SPEED', [7, 4], { values: { SLOW: 1, FAST: 2 } }), field('EN', [0, 0])],
      }),
      register(`UART${nth}.SR`, nth * 0x40 + 4, { width: 16 }),
      register(`UART${nth}.FIFO`, nth * 0x40 + 8, { readEffect: 'external' }),
      register(`UART${nth}.TX`, nth * 0x40 + 12, { access: 'wo' }),
    ]);
  made.session.device?.registers.add(map('uarts', [uart(0), uart(1)]));
  return made;
}

test('registers are watched by name: which fields changed, and by their names', async () => {
  const { session, output } = described();
  const region = session.device?.region(0);
  region?.write32(0, 0x10);
  const running = session.execute('watch UART0.CR UART0.CR.SPEED UART1.CR.EN --every 1ms --count 3', script);
  await begun(output);
  region?.write32(0, 0x21);
  await running;
  const data = output.views.map((view) => JSON.parse(json(view)) as Record<string, unknown>);
  assert.deepEqual(data[1]?.['fields'], [
    { name: 'SPEED', old: 'SLOW', new: 'FAST' },
    { name: 'EN', old: '0', new: '1' },
  ]);
  const lines = output.take().split('\n');
  assert.match(
    lines[0] ?? '',
    /region0\.UART0\.CR = 0x10, region0\.UART0\.CR\.SPEED = 0x1, region0\.UART1\.CR\.EN = 0x0$/,
  );
  assert.match(lines[1] ?? '', /region0\.UART0\.CR {8}0x00000010 -> 0x00000021 {2}SPEED SLOW -> FAST, EN 0 -> 1$/);
  assert.match(lines[2] ?? '', /region0\.UART0\.CR\.SPEED {2}SLOW -> FAST$/);
  session.closeAll();
});

test('several registers are watched by a pattern, a block or their space, but none that must not be read', async () => {
  const { session, output, transport } = described();
  (session.device ?? assert.fail()).mmap = false;
  const read = async (line: string): Promise<[number, number][]> => {
    transport.calls.splice(0);
    await session.execute(`watch ${line} --count 1`, script);
    return transport.calls.map(({ offset, bytes }) => [offset, bytes]);
  };
  assert.deepEqual(await read('UART*.CR'), [
    [0, 4],
    [0x40, 4],
  ]);
  assert.deepEqual(await read('UART1'), [
    [0x40, 4],
    [0x44, 2],
  ]);
  assert.match(
    output.take(),
    /left out: UART1\.FIFO: reading it changes something else\nleft out: UART1\.TX can only be written/,
  );
  assert.equal((await read('region0')).length, 4);
  assert.deepEqual(
    (await read('region0 0..0x10')).map(([offset]) => offset),
    [0, 4],
  );
  for (const line of ['UART0.FIFO', 'UART0.TX', 'region0 8', 'region0 0x48'])
    await assert.rejects(async () => session.execute(`watch ${line} --count 1`, script), /UART\d\.(FIFO|TX)/, line);
  await assert.rejects(async () => session.execute('watch UART7.* --count 1', script), /no register "UART7\.\*"/);
  session.closeAll();
});
