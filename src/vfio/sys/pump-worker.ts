import { workerData } from 'node:worker_threads';

import { Epoll } from './epoll.js';
import * as libc from './libc.js';
import { ALERTS, BATCH_AWAITED, BATCH_STATE, ENDED, FAILED, LISTENING, PHASE, RUNNING } from './pump-memory.js';
import { PumpMemory, STOP, STORMED, WAKE_KEY, WAKE_WANTED } from './pump-memory.js';
import type { PumpWorkerData, SourceRow } from './pump-memory.js';
import { askForShortSlices } from './slice.js';

// The pump's thread. It sleeps in epoll_wait and never returns to its event loop, so everything it is told comes through
// shared memory and its eventfd; see Pump.

const EAGAIN = 11;
const EINVAL = 22;

function pump(data: PumpWorkerData): void {
  const memory = new PumpMemory(data);
  const { ring, control } = memory;
  const epoll = new Epoll(data.epollFd);
  const counter = new BigUint64Array(1);
  const counterBytes = new Uint8Array(counter.buffer);
  const wakeUp = new Uint8Array(new BigUint64Array([1n]).buffer);
  /** Something came that the main thread has not been woken for. */
  let news = false;

  /** Takes the source out of the epoll set and masks its interrupt, whatever the main thread is doing. */
  function silence(key: number, row: SourceRow, state: number, timeNs: number, errno: number): void {
    epoll.silence(row.fd, key, row.generation);
    const mask = state === STORMED ? row.mask : undefined;
    const failure = mask === undefined ? errno : libc.ioctl(mask.fd, mask.request, mask.argument).errno;
    row.alert(state, timeNs, ring.produced, failure);
    Atomics.add(control, ALERTS, 1);
    news = true;
  }

  function take(key: number, row: SourceRow, timeNs: number): void {
    const read = libc.read(row.fd, counterBytes);
    if (read.value !== counterBytes.length) {
      // EAGAIN: somebody else has taken the count already. A short read: this is no eventfd.
      if (read.errno !== EAGAIN) silence(key, row, FAILED, timeNs, read.errno || EINVAL);
      return;
    }
    const count = counter[0] ?? 0n;
    const calm = row.take(timeNs, count);
    news = true;
    if (!ring.push(key, timeNs, count)) row.drop(count);
    if (!calm) silence(key, row, STORMED, timeNs, 0);
  }

  askForShortSlices();
  Atomics.store(control, PHASE, RUNNING);
  Atomics.notify(control, PHASE);
  for (;;) {
    const ready = epoll.wait();
    const timeNs = epoll.timeNs;
    if (ready < 0) throw new Error(`epoll_wait: ${libc.errnoName(-ready)}`);
    Atomics.add(control, BATCH_STATE, 1);
    for (let index = 0; index < ready; index++) {
      const key = epoll.key(index);
      if (key === WAKE_KEY) {
        libc.read(data.wakeFd, counterBytes);
        continue;
      }
      // Looked at only now, inside the batch: a source that main shut before it saw the batch begin is passed by here.
      const row = memory.row(key);
      if (row.generation === epoll.generation(index) && row.state === LISTENING) take(key, row, timeNs);
    }
    ring.publish();
    Atomics.add(control, BATCH_STATE, 1);
    if (Atomics.load(control, BATCH_AWAITED) === 1) Atomics.notify(control, BATCH_STATE);
    if (Atomics.load(control, STOP) === 1) return;
    if (news && Atomics.load(control, WAKE_WANTED) === 1) {
      news = false;
      Atomics.store(control, WAKE_WANTED, 0);
      libc.write(data.readyFd, wakeUp);
    }
  }
}

const data = workerData as PumpWorkerData;
const { control } = new PumpMemory(data);
try {
  pump(data);
} finally {
  // Out of the loop, by order or by a failure that the main thread is told of as the worker's error.
  if ((Atomics.load(control, BATCH_STATE) & 1) === 1) Atomics.add(control, BATCH_STATE, 1);
  Atomics.store(control, PHASE, ENDED);
  Atomics.notify(control, PHASE);
  Atomics.notify(control, BATCH_STATE);
}
