import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { monotonicNs } from '../../src/vfio/journal.js';
import { BATCH, Epoll } from '../../src/vfio/sys/epoll.js';
import * as libc from '../../src/vfio/sys/libc.js';

const EBADF = 9;
const ENOENT = 2;

let epoll: Epoll;
let fds: number[];

beforeEach(() => {
  epoll = new Epoll(Epoll.create().value);
  fds = [];
});

afterEach(() => {
  for (const fd of fds) libc.close(fd);
  epoll.close();
});

function eventfd(key: number, generation: number): number {
  const fd = libc.eventfd().value;
  fds.push(fd);
  assert.equal(epoll.add(fd, key, generation).errno, 0);
  return fd;
}

/** [key, generation] of what one wait brings. */
function waited(): [number, number][] {
  const count = epoll.wait();
  assert.ok(count >= 0, `epoll_wait: ${libc.errnoName(-count)}`);
  return Array.from({ length: count }, (_, index) => [epoll.key(index), epoll.generation(index)]);
}

test('the numbers of a descriptor come back with its event, in the layout of this processor', () => {
  const all: [number, number][] = [
    [0xffffffff, 0],
    [0, 0xfffffffe],
    [0x12345678, 0x9abcdef0],
  ];
  for (const [key, generation] of all) libc.eventfdAdd(eventfd(key, generation));
  assert.deepEqual(new Map(waited()), new Map(all));
});

test('the time is taken right after the wait', () => {
  libc.eventfdAdd(eventfd(1, 1));
  const before = monotonicNs();
  epoll.wait();
  const after = monotonicNs();
  assert.ok(before <= epoll.timeNs && epoll.timeNs <= after, `${before} ${epoll.timeNs} ${after}`);
});

test('an event comes once, though nobody reads, and again with the next signal', () => {
  const fd = eventfd(1, 0);
  const other = eventfd(2, 0);
  libc.eventfdAdd(fd);
  assert.deepEqual(waited(), [[1, 0]]);
  libc.eventfdAdd(other);
  assert.deepEqual(waited(), [[2, 0]]);
  libc.eventfdAdd(fd);
  assert.deepEqual(waited(), [[1, 0]]);
});

test('a descriptor that is readable when it is added is reported', () => {
  const fd = libc.eventfd().value;
  fds.push(fd);
  libc.eventfdAdd(fd);
  epoll.add(fd, 5, 6);
  assert.deepEqual(waited(), [[5, 6]]);
});

test('a silenced descriptor is not reported, and at once when it is resumed', () => {
  const fd = eventfd(1, 0);
  const other = eventfd(2, 0);
  assert.equal(epoll.silence(fd, 1, 0).errno, 0);
  libc.eventfdAdd(fd);
  libc.eventfdAdd(other);
  assert.deepEqual(waited(), [[2, 0]]);
  assert.equal(epoll.resume(fd, 1, 9).errno, 0);
  assert.deepEqual(waited(), [[1, 9]]);
});

test('more ready descriptors than one wait takes come with the next', () => {
  const count = BATCH + 30;
  for (let key = 0; key < count; key++) libc.eventfdAdd(eventfd(key, 0));
  const keys = [...waited(), ...waited()].map(([key]) => key);
  assert.deepEqual(
    keys.sort((a, b) => a - b),
    Array.from({ length: count }, (_, key) => key),
  );
});

test('what the kernel refuses is an errno', () => {
  assert.equal(epoll.add(-1, 0, 0).errno, EBADF);
  const fd = eventfd(0, 0);
  assert.equal(epoll.delete(fd).errno, 0);
  assert.equal(epoll.delete(fd).errno, ENOENT);
  assert.equal(new Epoll(-1).wait(), -EBADF);
});
