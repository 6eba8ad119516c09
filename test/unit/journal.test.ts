import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Journal, type JournalEntry } from '../../src/vfio/journal.js';

test('accesses come back as they were made, 64 bits exact', () => {
  const journal = new Journal(8);
  const region0 = journal.registerSpace('region0');
  const ring = journal.registerSpace('ring');
  journal.read(region0, 32, 0x100, 0xffffffff);
  journal.write(ring, 64, 0x1_0000_0000, 0xfedcba9876543210n);
  journal.write(region0, 8, 1, 0);
  const seen = [...journal.entries()].map(({ time, ...entry }) => {
    assert.ok(time > 0);
    return entry;
  });
  assert.deepEqual(seen, [
    { kind: 'read', sequence: 0, space: 'region0', offset: 0x100, width: 32, value: 0xffffffff },
    { kind: 'write', sequence: 1, space: 'ring', offset: 0x1_0000_0000, width: 64, value: 0xfedcba9876543210n },
    { kind: 'write', sequence: 2, space: 'region0', offset: 1, width: 8, value: 0 },
  ]);
});

test('the oldest entries make room and are counted, happenings too', () => {
  const journal = new Journal(4);
  const space = journal.registerSpace('region0');
  for (let i = 0; i < 3; i += 1) journal.note('note', `happening ${i}`);
  for (let i = 0; i < 5; i += 1) journal.read(space, 32, i * 4, i);
  assert.equal(journal.recorded, 8);
  assert.equal(journal.dropped, 4);
  assert.deepEqual(
    [...journal.entries()].map((entry) => entry.sequence),
    [4, 5, 6, 7],
  );
  journal.note('reset', 'reset');
  assert.deepEqual(
    [...journal.entries(7)].map((entry) => entry.kind),
    ['read', 'reset'],
  );
});

test('a follower sees every entry once, in order, and none after it has left', () => {
  const journal = new Journal(2);
  const space = journal.registerSpace('region0');
  const seen: JournalEntry[] = [];
  const leave = journal.follow((entry) => seen.push(entry));
  for (let i = 0; i < 5; i += 1) journal.read(space, 32, 0, i);
  journal.fault('write', 'region0', 16, 2, 'SIGBUS');
  leave();
  journal.read(space, 32, 0, 99);
  assert.deepEqual(
    seen.map((entry) => entry.sequence),
    [0, 1, 2, 3, 4, 5],
  );
  const last = seen.at(-1);
  assert.ok(last && 'fault' in last && last.fault === 'SIGBUS');
  assert.ok(!('value' in last));
});

test('an entry may carry a time of its own', () => {
  const journal = new Journal();
  journal.note('irq', 'msi[0]', { count: 3n }, 12345);
  const [entry] = [...journal.entries()];
  assert.equal(entry?.time, 12345);
});

test('signals of interrupts are told in words and as data, however many they are', () => {
  const journal = new Journal(4);
  const msi = journal.registerSignaller({ irq: 'msi', vector: 0, label: 'msi' });
  const third = journal.registerSignaller({ irq: 'msix', vector: 3, label: 'msix[3]' });
  assert.equal(journal.registerSignaller({ irq: 'msi', vector: 0, label: 'msi' }), msi);
  journal.note('reset', 'makes room', { at: 1 });
  journal.signalled(msi, 1n, 0n, 10);
  journal.signalled(third, 5n, 2n, 20);
  journal.signalled(third, 2n, 2n, 30);
  journal.signalled(msi, 2n ** 64n - 2n, 0n, 40);
  assert.deepEqual(
    [...journal.entries()],
    [
      { kind: 'irq', sequence: 1, time: 10, text: 'msi', data: { irq: 'msi', vector: 0, count: 1n, software: 0n } },
      {
        kind: 'irq',
        sequence: 2,
        time: 20,
        text: 'msix[3] x 5 (2 by software)',
        data: { irq: 'msix', vector: 3, count: 5n, software: 2n },
      },
      {
        kind: 'irq',
        sequence: 3,
        time: 30,
        text: 'msix[3] x 2 (software)',
        data: { irq: 'msix', vector: 3, count: 2n, software: 2n },
      },
      {
        kind: 'irq',
        sequence: 4,
        time: 40,
        text: 'msi x 18446744073709551614',
        data: { irq: 'msi', vector: 0, count: 2n ** 64n - 2n, software: 0n },
      },
    ],
  );
  assert.equal(journal.entry(0), undefined);
  assert.equal(journal.entry(2)?.time, 20);
  assert.equal(journal.entry(5), undefined);
});

test('a watcher is told of the kind and number of every entry, as a follower is of the entry', () => {
  const journal = new Journal(16);
  const [watched, followed]: [unknown[], unknown[]] = [[], []];
  const leave = journal.watch((kind, sequence) => watched.push([kind, sequence]));
  journal.follow(({ kind, sequence }) => followed.push([kind, sequence]));
  const space = journal.registerSpace('region0');
  journal.read(space, 32, 0, 1);
  journal.write(space, 64, 8, 1n);
  journal.fault('read', 'region0', 32, 4, 'SIGBUS');
  journal.note('reset', 'a text alone');
  journal.note('dma-fault', 'one with data', { iova: 0 });
  const signaller = journal.registerSignaller({ irq: 'msi', vector: 0, label: 'msi[0]' });
  journal.signalled(signaller, 1n, 0n, 5);
  journal.signalled(signaller, 2n ** 60n, 0n, 6);
  assert.deepEqual(watched, followed);
  assert.equal(watched.length, 7);
  leave();
  journal.note('reset', 'nobody watches');
  assert.equal(watched.length, 7);
});
