import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Interrupted } from '../../src/repl/interrupted.js';
import { VfioError } from '../../src/vfio/errors.js';
import { ValueCounts } from '../../src/vfio/value-counts.js';
import { json } from '../../src/views/sinks/json.js';
import { field, map, register } from './register-fixture.js';
import { memfdSession } from './session-fixture.js';

const script = { prefixes: false };

test('values are counted as a plain count of them has it', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.bigInt({ min: 0n, max: 9n }).map((low) => low << 60n),
        { minLength: 1 },
      ),
      (values) => {
        const words = BigUint64Array.from(values);
        const counts = new ValueCounts();
        // In two pieces, so that a run goes across them.
        const half = values.length >> 1;
        counts.addWords(new Uint8Array(words.buffer), 64, 0, half);
        counts.addWords(new Uint8Array(words.buffer), 64, half, values.length - half);
        const sorted = values.toSorted((a, b) => (a < b ? -1 : 1));
        const wrapped = sorted.map((value) => BigInt.asUintN(64, value)).sort((a, b) => (a < b ? -1 : 1));
        assert.deepEqual([counts.min, counts.max], [wrapped[0], wrapped.at(-1)]);
        assert.equal(counts.total, values.length);
        const changed = wrapped.reduce((any, value) => any | (value ^ (wrapped[0] ?? 0n)), 0n);
        assert.equal(counts.changed, changed);
        const turned = values.filter((value, nth) => nth > 0 && value !== values[nth - 1]).length;
        assert.equal(counts.transitions, turned);
        for (const { value, count } of counts.top(100))
          assert.equal(count, wrapped.filter((one) => one === value).length);
        assert.equal(
          counts.top(100).reduce((sum, { count }) => sum + count, 0),
          values.length,
        );
        const often = counts.top(100).map(({ count }) => count);
        assert.deepEqual(
          often,
          often.toSorted((a, b) => b - a),
        );
      },
    ),
  );
});

test('of more values than fit the late ones are counted together, and the extremes stay right', () => {
  const counts = new ValueCounts();
  const MANY = 200_000;
  for (let value = 0; value < MANY; value += 1) counts.add(value);
  assert.equal(counts.distinct, 65536);
  assert.deepEqual([counts.total, counts.others], [MANY, MANY - 65536]);
  assert.deepEqual([counts.min, counts.max, counts.changed], [0n, BigInt(MANY - 1), 0x3ffffn]);
});

test('sample reads exactly as often as it was asked to, one place', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  session.device?.region(0).write32(8, 0x1234);
  transport.calls.splice(0);
  await session.execute('sample region0 8 2500', script);
  assert.equal(transport.calls.length, 2500);
  assert.ok(
    transport.calls.every(({ operation, offset, bytes }) => operation === 'read' && offset === 8 && bytes === 4),
  );
  const text = output.take();
  assert.match(text, /samples: +2500 +in .* per second/);
  assert.match(text, /0x00001234 +2500 +100\.00 % +#{30}\n/);
  assert.equal(session.last, 0x1234n);
  session.closeAll();
});

test('a field is sampled by the names of its values, and a register shows the fields that changed', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const mode = field('MODE', [5, 4], { values: { SLOW: 1, FAST: 2 } });
  session.device?.registers.add(map('unit', [register('CTRL', 0, { fields: [mode, field('EN', [0, 0])] })]));
  const read = transport.read.bind(transport);
  let reads = 0;
  transport.read = (region, offset, into) => {
    read(region, offset, into);
    into[0] = (reads += 1) % 4 === 0 ? 0x21 : 0x11;
  };
  await session.execute('sample CTRL 100; sample CTRL.MODE 100 --every 1ms', script);
  const [whole, part] = output.views.map((view) => JSON.parse(json(view)) as Record<string, unknown>);
  assert.deepEqual(
    [whole?.['changed'], whole?.['transitions'], whole?.['min'], whole?.['max']],
    ['0x30', 49, '0x11', '0x21'],
  );
  assert.deepEqual(part?.['values'], [
    { value: '0x1', count: 75, share: 0.75 },
    { value: '0x2', count: 25, share: 0.25 },
  ]);
  const text = output.take();
  assert.match(text, /0x00000011 {2}MODE=SLOW +75 +75\.00 %/);
  assert.match(text, /SLOW +75 +75\.00 %/);
  assert.equal(reads, 200);
  session.closeAll();
});

test('reads that are refused are counted with their reason, and bring no value', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const read = transport.read.bind(transport);
  let reads = 0;
  transport.read = (region, offset, into) => {
    if ((reads += 1) % 10 === 0) throw new VfioError({ kind: 'access', operation: 'pread', errno: 'EIO', why: 'no' });
    read(region, offset, into);
  };
  await session.execute('sample region0 0 50', script);
  const text = output.take();
  assert.match(text, /samples: +50 /);
  assert.match(text, /not read: +5 +EIO: the access was refused/);
  assert.match(text, /0x00000000 +45 +100\.00 %/);
  session.closeAll();
});

test('a register whose read has an effect is sampled only with --force', async () => {
  const { session, output } = memfdSession();
  const device = session.device ?? assert.fail();
  device.registers.add(map('unit', [register('FIFO', 0, { readEffect: 'external' })]));
  await assert.rejects(async () => session.execute('sample FIFO', script), /FIFO: reading it changes something else/);
  await session.execute('sample FIFO 4 --force', script);
  assert.match(output.take(), /0x00000000 +4 +100/);
  session.closeAll();
});

test('Ctrl-C ends a sample with what was read so far', async () => {
  const { session, output, transport } = memfdSession();
  (session.device ?? assert.fail()).mmap = false;
  const running = session.execute('sample region0 0 1000000 --every 1ms', script);
  while (transport.calls.length === 0) await new Promise(setImmediate);
  session.interrupt();
  await assert.rejects(async () => running, Interrupted);
  assert.match(output.take(), /samples: +\d+ +in/);
  session.closeAll();
});
