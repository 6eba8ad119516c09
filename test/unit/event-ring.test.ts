import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { EventRing } from '../../src/vfio/event-ring.js';

type Event = [source: number, timeNs: number, count: bigint];

function taken(ring: EventRing, limit?: number): Event[] {
  const events: Event[] = [];
  ring.drain((...event) => events.push(event), limit);
  return events;
}

test('events come out as they went in, in order', () => {
  const ring = new EventRing(8);
  const events: Event[] = [
    [0, 0, 1n],
    [4095, 2 ** 53 - 1, 2n ** 64n - 2n],
    [7, 123_456_789_012_345, 3n],
  ];
  for (const event of events) assert.equal(ring.push(...event), true);
  ring.publish();
  assert.equal(ring.length, 3);
  assert.deepEqual(taken(ring), events);
  assert.deepEqual(taken(ring), []);
});

test('an event is unseen until it is published', () => {
  const ring = new EventRing(4);
  ring.push(1, 1, 1n);
  assert.deepEqual(taken(ring), []);
  ring.publish();
  assert.equal(taken(ring).length, 1);
});

test('a full ring drops the newest, counts events and signals, and keeps the oldest', () => {
  const ring = new EventRing(4);
  for (let time = 0; time < 4; time++) assert.equal(ring.push(1, time, 1n), true);
  assert.equal(ring.push(1, 4, 10n), false);
  assert.equal(ring.push(1, 5, 2n ** 40n), false);
  ring.publish();
  assert.deepEqual(ring.dropped, { events: 2n, signals: 10n + 2n ** 40n });
  assert.deepEqual(
    taken(ring).map(([, time]) => time),
    [0, 1, 2, 3],
  );
  assert.equal(ring.push(1, 6, 1n), true);
  ring.publish();
  assert.deepEqual(taken(ring), [[1, 6, 1n]]);
  assert.equal(ring.dropped.events, 2n);
});

test('the positions wrap around at 2^31 and 2^32', () => {
  for (const start of [0x7ffffffd, -3]) {
    const buffer = new EventRing(4).buffer;
    new Int32Array(buffer).set([start], 0);
    new Int32Array(buffer).set([start], 16);
    const ring = new EventRing(buffer);
    for (let round = 0; round < 4; round++) {
      for (let time = 0; time < 4; time++) assert.equal(ring.push(round, time, 1n), true);
      assert.equal(ring.push(round, 4, 1n), false);
      ring.publish();
      assert.equal(ring.length, 4);
      assert.deepEqual(
        taken(ring).map(([source, time]) => [source, time]),
        [0, 1, 2, 3].map((time) => [round, time]),
      );
    }
  }
});

test('a limit leaves the rest; a visitor may throw or drain on its own, and no event comes twice', () => {
  const ring = new EventRing(8);
  for (let time = 0; time < 6; time++) ring.push(0, time, 1n);
  ring.publish();
  assert.deepEqual(
    taken(ring, 2).map(([, time]) => time),
    [0, 1],
  );
  assert.throws(() =>
    ring.drain(() => {
      throw new Error('of the visitor');
    }),
  );
  const seen: number[] = [];
  ring.drain((_source, time) => {
    seen.push(time);
    ring.drain((_inner, later) => seen.push(later), 1);
  });
  assert.deepEqual(seen, [3, 4, 5]);
});

test('a capacity that is no power of two is refused', () => {
  for (const capacity of [0, 3, 1.5, 2 ** 25]) assert.throws(() => new EventRing(capacity), RangeError);
});

test('between two threads every signal arrives or is counted as dropped', async () => {
  const ring = new EventRing(1024);
  const events = 300_000;
  const module = new URL('../../src/vfio/event-ring.js', import.meta.url).href;
  const producer = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(${JSON.stringify(module)}).then(({ EventRing }) => {
      const ring = new EventRing(workerData);
      for (let time = 1; time <= ${events}; time++) {
        ring.push(time % 7, time, BigInt(time));
        if (time % 3 === 0) ring.publish();
      }
      ring.publish();
      parentPort.postMessage('done');
    });`;
  const worker = new Worker(producer, { eval: true, workerData: ring.buffer });
  const exited = once(worker, 'exit');
  const done = once(worker, 'message').then(() => true);
  let received = 0;
  let signals = 0n;
  let last = 0;
  const drain = (): void => {
    received += ring.drain((source, time, count) => {
      assert.equal(source, time % 7);
      assert.equal(count, BigInt(time));
      assert.ok(time > last);
      last = time;
      signals += count;
    });
  };
  const turn = (): Promise<boolean> => new Promise((resolve) => setImmediate(() => resolve(false)));
  do drain();
  while (!(await Promise.race([done, turn()])));
  drain();
  assert.equal(BigInt(received) + ring.dropped.events, BigInt(events));
  assert.equal(signals + ring.dropped.signals, (BigInt(events) * BigInt(events + 1)) / 2n);
  await exited;
});
