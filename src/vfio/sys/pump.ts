import { Worker } from 'node:worker_threads';

import { VfioError } from '../errors.js';
import type { Dropped } from '../event-ring.js';
import { monotonicNs } from '../journal.js';
import { Epoll } from './epoll.js';
import * as libc from './libc.js';
import { ALERTS, BATCH_AWAITED, BATCH_STATE, FAILED, LISTENING, MASK_BYTES, PHASE } from './pump-memory.js';
import { PumpMemory, SOURCES, STARTING, STOP, STORMED, WAKE_KEY, WAKE_WANTED } from './pump-memory.js';
import type { PumpWorkerData, SourceRow } from './pump-memory.js';
import { DEFAULT_GUARD, guardLimits, stormOf, totalsOf } from './pump-source.js';
import type { Guard, SourceOptions, SourceSink, Totals } from './pump-source.js';

/** Events handled in one turn of the event loop, so that a prompt stays answered under a storm. */
const TURN_EVENTS = 1024;
/** Above this many events in a window the pump is left alone for a pause, instead of waking the main thread for each. */
const BUSY_EVENTS = 200;
const BUSY_WINDOW_MS = 10;
const PAUSE_MS = 5;
/** The worker needs about 40 ms to start; the rest is a loaded machine. */
const START_MS = 10_000;
const HANDSHAKE_MS = 5000;

interface Source {
  readonly row: SourceRow;
  readonly generation: number;
  readonly sink: SourceSink;
  /** Its alert has been told. */
  told: boolean;
}

let running: Pump | undefined;

/**
 * The thread that waits for interrupts: it sleeps in epoll_wait, takes CLOCK_MONOTONIC, reads the eventfds' counters and hands the events over
 * through shared memory. One for the process, started by the first `acquire`.
 *
 * - No signal is lost: a source's `totals` sum every count that was read, whether or not its event found room in the ring.
 * - Order: events reach their sinks in the order in which they were taken, over all sources.
 * - Its times stay true while the main thread is busy, and so does its storm guard, which needs no help from the main thread.
 * - It does not keep the process alive, and does not keep it from ending.
 */
export class Pump {
  readonly #memory = new PumpMemory();
  readonly #epoll: Epoll;
  readonly #wakeFd: number;
  readonly #readyFd: number;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #ready: libc.Readiness;
  readonly #sources = new Map<number, Source>();
  readonly #free: number[] = [];
  readonly #dropListeners = new Set<(dropped: Dropped) => void>();
  readonly #crashListeners = new Set<(reason: string) => void>();
  #leases = 0;
  #holds = 0;
  #nextSource = 0;
  #nextGeneration = 1;
  #alertsTold = 0;
  #droppedTold = 0n;
  #windowMs = 0;
  #windowEvents = 0;
  #pausing = false;
  #stopping = false;
  #crashed: string | undefined;

  /** The process's pump, started if need be (which takes some 40 ms). Each `acquire` wants one `release`. */
  static acquire(): Pump {
    running ??= new Pump();
    running.#leases++;
    return running;
  }

  private constructor() {
    const fds = openDescriptors();
    this.#epoll = new Epoll(fds.epollFd);
    this.#wakeFd = fds.wakeFd;
    this.#readyFd = fds.readyFd;
    this.#epoll.add(fds.wakeFd, WAKE_KEY, 0);
    this.#worker = startWorker({ ring: this.#memory.ring.buffer, table: this.#memory.table, ...fds });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#worker.on('error', (error) => this.#crash(error instanceof Error ? error.message : String(error)));
    this.#worker.on('exit', (code) => this.#crash(`its thread ended (${code})`));
    this.#worker.unref();
    this.#ready = libc.onReadable(fds.readyFd, () => this.#woken());
    this.#ready.unref();
    // First, so that no other listener's failure leaves the thread asleep in epoll_wait, which would hang the process.
    process.prependListener('exit', this.#leave);
    this.#await(PHASE, STARTING, START_MS, 'start the interrupt pump');
    Atomics.store(this.#memory.control, WAKE_WANTED, 1);
  }

  /** Gives the pump back; the last one stops it. Resolves when its thread is gone. */
  async release(): Promise<void> {
    if (--this.#leases > 0) return;
    if (running === this) running = undefined;
    for (const source of this.#sources.keys()) this.remove(source);
    this.#stopping = true;
    this.#leave();
    process.removeListener('exit', this.#leave);
    this.#ready.close();
    this.#worker.ref();
    await this.#exited;
    this.#epoll.close();
    libc.close(this.#wakeFd);
    libc.close(this.#readyFd);
  }

  /**
   * Listens to an eventfd (made non-blocking here) and returns the number of the new source. Signals it already holds count as arriving now.
   * The eventfd stays the caller's: close it after `remove`.
   */
  add(fd: number, sink: SourceSink, options: SourceOptions = {}): number {
    const operation = `listen to eventfd ${fd}`;
    if (this.#crashed !== undefined) {
      throw new VfioError({ kind: 'lost', operation, why: `the interrupt pump has failed: ${this.#crashed}` });
    }
    const mask = options.mask;
    if (mask !== undefined && mask.argument.byteLength > MASK_BYTES) {
      throw new RangeError(`a mask ioctl's argument has at most ${MASK_BYTES} bytes, not ${mask.argument.byteLength}`);
    }
    if (this.#free.length === 0 && this.#nextSource === SOURCES) {
      const hint = 'disable interrupts that are not needed';
      throw new VfioError({ kind: 'limit', operation, why: `all ${SOURCES} sources are in use`, hint });
    }
    check(operation, libc.setNonBlocking(fd, true));

    const source = this.#free.pop() ?? this.#nextSource++;
    const row = this.#memory.row(source);
    const generation = this.#nextGeneration++;
    row.open(fd, generation);
    row.guard(...guardLimits(options.guard ?? DEFAULT_GUARD));
    if (mask !== undefined) row.setMask(mask.fd, mask.request, mask.argument);
    this.#sources.set(source, { row, generation, sink, told: false });
    const added = this.#epoll.add(fd, source, generation);
    if (added.errno !== 0) {
      this.#forget(source, row);
      check(operation, added);
    }
    return source;
  }

  /**
   * Stops listening. When it returns, the pump's thread no longer touches the eventfd, every event of every source up to now
   * has reached its sink, and so has the count that was left in this eventfd. Returns the final totals.
   */
  remove(source: number): Totals {
    const { row, sink } = this.#source(source);
    const fd = row.fd;
    row.shut();
    this.#epoll.delete(fd);
    this.#awaitBatch();
    this.drain();
    // A descriptor that could not be read may be another file's by now.
    const left = row.state === FAILED ? 0n : libc.eventfdTake(fd);
    if (left > 0n) {
      const timeNs = monotonicNs();
      row.take(timeNs, left);
      sink.signalled(timeNs, left);
    }
    const totals = totalsOf(row);
    this.#forget(source, row);
    return totals;
  }

  /** Listens again to a source whose guard tripped or that failed, with a new window. Signals that came meanwhile arrive now. */
  rearm(source: number): void {
    const entry = this.#source(source);
    if (entry.row.state === LISTENING) return;
    entry.row.rearm();
    entry.told = false;
    check(`listen to eventfd ${entry.row.fd} again`, this.#epoll.resume(entry.row.fd, source, entry.generation));
  }

  /** Sets the guard of a source for the signals to come. */
  setGuard(source: number, guard: Guard): void {
    this.#source(source).row.guard(...guardLimits(guard));
  }

  /**
   * Hands events that have come so far to their sinks now, instead of on the next turn of the event loop, and returns how many.
   */
  drain(limit = this.#memory.ring.length): number {
    const ring = this.#memory.ring;
    const count = ring.drain(this.#deliver, limit);
    if (Atomics.load(this.#memory.control, ALERTS) !== this.#alertsTold) this.#tellAlerts();
    const dropped = ring.dropped;
    if (dropped.events !== this.#droppedTold) {
      this.#droppedTold = dropped.events;
      for (const listener of this.#dropListeners) listener(dropped);
    }
    return count;
  }

  totals(source: number): Totals {
    return totalsOf(this.#source(source).row);
  }

  /** Events that found the ring full since the pump started, and their signals (which `totals` do have). */
  get dropped(): Dropped {
    return this.#memory.ring.dropped;
  }

  /** Why the pump's thread ended by itself, if it did. Nobody listens to the eventfds then; they keep counting. */
  get crashed(): string | undefined {
    return this.#crashed;
  }

  /** Calls back, with the sums so far, when events were dropped since the last time. Returns what takes the listener away. */
  onDropped(listener: (dropped: Dropped) => void): () => void {
    this.#dropListeners.add(listener);
    return () => void this.#dropListeners.delete(listener);
  }

  /** Calls back once if the pump's thread ends by itself. Returns what takes the listener away. */
  onCrash(listener: (reason: string) => void): () => void {
    this.#crashListeners.add(listener);
    return () => void this.#crashListeners.delete(listener);
  }

  /** Keeps the process alive, for somebody who waits for an interrupt, until the returned function is called. */
  hold(): () => void {
    if (this.#holds++ === 0) this.#ready.ref();
    let held = true;
    return () => {
      if (held && --this.#holds === 0) this.#ready.unref();
      held = false;
    };
  }

  readonly #deliver = (source: number, timeNs: number, count: bigint): void => {
    this.#sources.get(source)?.sink.signalled(timeNs, count);
  };

  #source(source: number): Source {
    const entry = this.#sources.get(source);
    if (entry === undefined) throw new RangeError(`the interrupt pump has no source ${source}`);
    return entry;
  }

  #forget(source: number, row: SourceRow): void {
    row.shut();
    this.#sources.delete(source);
    this.#free.push(source);
  }

  /** An alert is told once the events before it have been. */
  #tellAlerts(): void {
    const { control, ring } = this.#memory;
    const alerts = Atomics.load(control, ALERTS);
    let waiting = false;
    for (const entry of this.#sources.values()) {
      const row = entry.row;
      const state = row.state;
      if (state === LISTENING || entry.told) continue;
      if (((ring.consumed - row.alertAt) | 0) < 0) {
        waiting = true;
        continue;
      }
      entry.told = true;
      if (state === STORMED) entry.sink.stormed(stormOf(row));
      else entry.sink.failed(libc.errnoName(row.errno));
    }
    if (!waiting) this.#alertsTold = alerts;
  }

  /** readyFd was written: by the worker, or here. */
  #woken(): void {
    libc.eventfdTake(this.#readyFd);
    if (this.#pausing) return;
    try {
      this.#turn();
    } catch (error) {
      // A sink's error is nobody's here, and thrown through onReadable it would end the pump's polling for the other sinks too.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** One turn of the event loop's share of events; then the rest on the next, or sleep until the worker wakes us. */
  #turn(): void {
    this.#pausing = false;
    if (this.#stopping) return;
    const now = performance.now();
    if (now - this.#windowMs >= BUSY_WINDOW_MS) {
      this.#windowMs = now;
      this.#windowEvents = 0;
    }
    try {
      // Not those that come meanwhile: who waits for an interrupt has a turn before the next one is handled.
      this.#windowEvents += this.drain(Math.min(TURN_EVENTS, this.#memory.ring.length));
    } finally {
      if (this.#windowEvents > BUSY_EVENTS && !this.#waiting()) {
        this.#pausing = true;
        setTimeout(() => this.#turn(), PAUSE_MS).unref();
      } else {
        Atomics.store(this.#memory.control, WAKE_WANTED, 1);
        // Not setImmediate: it would keep the process alive, or, without its reference, wait until something else wakes the event loop.
        if (this.#waiting()) libc.eventfdAdd(this.#readyFd);
      }
    }
  }

  #waiting(): boolean {
    return this.#memory.ring.length > 0 || Atomics.load(this.#memory.control, ALERTS) !== this.#alertsTold;
  }

  /** Waits until the worker is not inside a batch that began before now. */
  #awaitBatch(): void {
    const control = this.#memory.control;
    const batch = Atomics.load(control, BATCH_STATE);
    if ((batch & 1) === 0 || this.#crashed !== undefined) return;
    Atomics.store(control, BATCH_AWAITED, 1);
    this.#await(BATCH_STATE, batch, HANDSHAKE_MS, 'take an eventfd from the interrupt pump');
    Atomics.store(control, BATCH_AWAITED, 0);
  }

  /** Sleeps until a control word is no longer `value`. */
  #await(word: number, value: number, ms: number, operation: string): void {
    const control = this.#memory.control;
    const until = performance.now() + ms;
    while (Atomics.load(control, word) === value) {
      // Short naps: the worker looks whether it is awaited only at the end of a batch, and may have just done so.
      Atomics.wait(control, word, value, 10);
      if (performance.now() > until) {
        throw new VfioError({ kind: 'timeout', operation, why: `its thread gave no answer in ${ms / 1000} s` });
      }
    }
  }

  /** Wakes the worker up to end; a thread asleep in epoll_wait would keep the process from ending, for ever. */
  readonly #leave = (): void => {
    Atomics.store(this.#memory.control, STOP, 1);
    libc.eventfdAdd(this.#wakeFd);
  };

  #crash(reason: string): void {
    if (this.#stopping || this.#crashed !== undefined) return;
    this.#crashed = reason;
    if (running === this) running = undefined;
    for (const listener of this.#crashListeners) listener(reason);
  }
}

function openDescriptors(): Pick<PumpWorkerData, 'epollFd' | 'wakeFd' | 'readyFd'> {
  const made: number[] = [];
  for (const make of [() => Epoll.create(), libc.eventfd, libc.eventfd]) {
    const { value, errno } = make();
    if (errno !== 0) {
      for (const fd of made) libc.close(fd);
      check('start the interrupt pump', { value, errno });
    }
    made.push(value);
  }
  const [epollFd = -1, wakeFd = -1, readyFd = -1] = made;
  return { epollFd, wakeFd, readyFd };
}

function startWorker(workerData: PumpWorkerData): Worker {
  return new Worker(new URL('./pump-worker.js', import.meta.url), { workerData, execArgv: [], name: 'interrupt pump' });
}

function check(operation: string, { errno }: libc.Result): void {
  if (errno === 0) return;
  const name = libc.errnoName(errno);
  if (name === 'EMFILE' || name === 'ENFILE') {
    const hint = 'raise the limit with ulimit -n';
    throw new VfioError({ kind: 'limit', operation, why: 'too many open files', errno: name, hint });
  }
  const why = name === 'EBADF' ? 'it is not open' : 'the kernel refused it';
  throw new VfioError({ kind: 'kernel', operation, why, errno: name });
}
