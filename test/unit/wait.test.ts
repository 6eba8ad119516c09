import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpectationError, UsageError } from '../../src/repl/usage-error.js';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { until } from '../../src/vfio/until.js';
import { json } from '../../src/views/sinks/json.js';
import { MemfdTransport } from './memfd-transport.js';
import { field, map, register } from './register-fixture.js';
import { memfdSession } from './session-fixture.js';

const script = { prefixes: false };

/** A device whose every read gives one more than the one before. */
function counting(): { device: Device; reads: () => number } {
  const transport = new MemfdTransport(4096);
  let reads = 0;
  transport.read = (_region, _offset, into) => {
    reads += 1;
    new DataView(into.buffer, into.byteOffset).setUint32(0, reads, true);
  };
  return { device: new Device(transport, { mmap: false }), reads: () => reads };
}

/** A session with STATUS and CTRL, and what may not be read or only be written. */
function described(): ReturnType<typeof memfdSession> {
  const made = memfdSession();
  const mode = field('MODE', [2, 1], { values: { IDLE: 0, SLOW: 1, FAST: 2 } });
  const level = field('LEVEL', [11, 8], { values: { LOW: 1 } });
  made.session.device?.registers.add(
    map('unit', [
      register('STATUS', 0, { fields: [level, mode, field('BUSY', [0, 0])] }),
      register('CLEARS', 4, { readEffect: 'clear' }),
      register('GO', 8, { access: 'wo' }),
      register('CMD', 12, { fields: [field('START', [0, 0], { access: 'wo' }), field('DONE', [1, 1])] }),
    ]),
  );
  return made;
}

for (const [how, wanted] of [
  ['bits', { mask: 0xffn, want: 7n }],
  ['a condition', (value: bigint) => value === 7n],
] as const) {
  test(`until stops at the read that is as wanted, by ${how}`, async () => {
    const { device, reads } = counting();
    const result = await until(device.region(0), { width: 32, offset: 0 }, wanted, { timeoutMs: 1000 });
    assert.deepEqual([result.matched, result.value, result.reads, reads()], [true, 7n, 7, 7]);
    assert.ok(result.took > 0);
    device.close();
  });
}

test('a time-out comes with the last value, read when the time was up, and with few reads', async () => {
  const { device, reads } = counting();
  const started = performance.now();
  const result = await until(device.region(0), { width: 32, offset: 0 }, () => false, { timeoutMs: 400 });
  assert.ok(performance.now() - started >= 400);
  assert.deepEqual([result.matched, result.value, result.reads], [false, BigInt(reads()), reads()]);
  const polite = [...device.journal.entries()].filter(
    (entry, nth, all) => nth > 0 && entry.time - (all[nth - 1]?.time ?? 0) > 0.5e6,
  );
  assert.ok(polite.length >= 4 && polite.length <= 60, `${polite.length} reads with pauses`);
  device.close();
});

test('a wait is ended by its signal, and by a read that is refused', async () => {
  const { device } = counting();
  const controller = new AbortController();
  const place = { width: 32, offset: 0 } as const;
  const waiting = until(device.region(0), place, () => false, { timeoutMs: 60_000, signal: controller.signal });
  setTimeout(() => controller.abort(), 5);
  await assert.rejects(waiting, { name: 'AbortError' });
  device.lose({ kind: 'lost', operation: 'access', why: 'it was unplugged' });
  await assert.rejects(until(device.region(0), place, { mask: 1n, want: 0n }, { timeoutMs: 100 }), /it was unplugged/);
  device.close();
});

test('wait says how long it took and how many reads, in JSON too', async () => {
  const { session, output } = memfdSession();
  await session.execute('wait region0 0x10 == 0', script);
  const [view] = output.views;
  assert.match(output.take(), /^region0\+0x10: 0x00000000, after [\d.]+ [num]s and 1 read\n$/);
  const { took, ...rest } = JSON.parse(json(view ?? assert.fail())) as Record<string, unknown>;
  assert.equal(typeof took, 'number');
  assert.deepEqual(rest, { kind: 'read', space: 'region0', offset: 0x10, width: 32, value: 0, reads: 1 });
  session.closeAll();
});

test('wait and expect take fields, several of one read, by number and by name', async () => {
  const { session, output } = described();
  const region = session.device?.region(0) ?? assert.fail();
  const before = session.device?.journal.recorded;
  const running = session.execute('wait STATUS BUSY=0 MODE=FAST', script);
  region.write32(0, 4);
  await running;
  assert.match(output.take(), /^region0\.STATUS \(region0\+0x0\): 0x00000004, after/);
  await session.execute('expect STATUS BUSY=0 MODE=fast LEVEL=0', script);
  await session.execute('expect STATUS.MODE == FAST; expect STATUS.MODE != IDLE; expect STATUS.MODE>=2', script);
  await session.execute('expect STATUS ==4:0x7; wait STATUS.LEVEL ==0', script);
  assert.match(output.take(), /STATUS\.MODE \(region0\+0x0\): 0x00000002/);
  const entries = [...(session.device?.journal.entries(before) ?? [])];
  const reads = entries.filter(({ kind }) => kind === 'read');
  assert.equal(reads.filter((entry) => 'offset' in entry && entry.offset !== 0).length, 0);
  session.closeAll();
});

test('a failed expectation says what was wanted and what is there, by the names of fields', async () => {
  const { session } = described();
  session.device?.region(0).write32(0, 0x103);
  const fails = async (line: string, why: RegExp): Promise<void> => {
    await assert.rejects(
      async () => session.execute(line, script),
      (error) => {
        assert.ok(error instanceof ExpectationError, String(error));
        assert.match(error.message, why);
        return true;
      },
    );
  };
  await fails('expect STATUS == 0', /expected region0\.STATUS == 0x00000000, but it is 0x00000103/);
  await fails(
    'expect region0 0 == 0:0xff',
    /expected region0\+0x0 == 0x00000000 in the bits 0xff, but it is 0x00000103/,
  );
  await fails(
    'expect STATUS BUSY=0 MODE=FAST LEVEL=LOW',
    /expected region0\.STATUS BUSY=0 MODE=FAST LEVEL=LOW, but it is 0x00000103 \(BUSY=1 MODE=SLOW\)$/,
  );
  await fails('expect STATUS.MODE == FAST', /expected region0\.STATUS\.MODE == FAST, but it is SLOW/);
  await fails(
    'wait STATUS MODE=IDLE --timeout 5ms',
    /region0\.STATUS MODE=IDLE did not come in 5 ms; it is 0x00000103 \(MODE=SLOW\) \(\d+ reads?\)/,
  );
  session.closeAll();
});

test('what can never be is an error before anything is read', async () => {
  const { session, transport } = described();
  (session.device ?? assert.fail()).mmap = false;
  const lines: [line: string, why: RegExp, kind: typeof VfioError | typeof UsageError][] = [
    ['wait STATUS.MODE == 4', /0x4 does not fit the 2 bits of MODE/, VfioError],
    ['wait STATUS.MODE == 1:0x2', /bits outside the mask/, VfioError],
    ['wait STATUS MODE=4', /0x4 does not fit the 2 bits of MODE/, UsageError],
    ['wait STATUS MODE=TURBO', /MODE has no value "TURBO"/, UsageError],
    ['wait STATUS BUZY=1', /no field "BUZY"; did you mean BUSY/, UsageError],
    ['wait region0 0x100 BUSY=1', /no map describes a register there/, UsageError],
    ['wait STATUS = 1', /"=" does not compare/, UsageError],
    ['wait STATUS', /== is missing/, UsageError],
    ['wait region0 0x100 == 0x100000000', /does not fit 32 bits/, VfioError],
    ['wait CLEARS == 0', /reading it clears it/, VfioError],
    ['wait GO == 0', /GO can only be written/, VfioError],
    ['expect CMD START=0', /CMD\.START can only be written/, VfioError],
  ];
  for (const [line, why, kind] of lines) {
    await assert.rejects(
      async () => session.execute(line, script),
      (error) => error instanceof kind && why.test(error.message),
      line,
    );
  }
  assert.deepEqual(transport.calls, []);
  await session.execute('wait CLEARS == 0 --force; expect CLEARS == 0; expect CMD DONE=0', script);
  assert.deepEqual(
    transport.calls.map(({ offset }) => offset),
    [4, 4, 12],
  );
  session.closeAll();
});

test('a dry run says what would be polled, and waits for nothing', async () => {
  const { session, output, transport } = described();
  (session.device ?? assert.fail()).mmap = false;
  for (const line of ['wait STATUS BUSY=1 -n', 'wait STATUS != 0 -n', 'expect STATUS BUSY=1 -n']) {
    await session.execute(line, script);
    assert.match(output.take(), /^would read region0\+0x0 \(32 bits\)( until it matches)?\n$/, line);
  }
  assert.deepEqual(transport.calls, []);
  session.closeAll();
});

test('an index that is a variable is looked up each time', async () => {
  const { session } = memfdSession();
  session.device?.registers.add(
    map(
      'unit',
      [0, 1].map((nth) =>
        register(`CH[${nth}]`, nth * 4, { fields: [field('ON', [0, 0], { values: { OFF: 0, ON: 1 } })] }),
      ),
    ),
  );
  session.device?.region(0).write32(4, 1);
  await session.execute('$i = 1; expect CH[$i] ON=ON; expect CH[$i].ON == ON; $i = 0; expect CH[$i].ON == OFF', script);
  session.closeAll();
});
