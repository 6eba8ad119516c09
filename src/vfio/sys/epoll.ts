import koffi from 'koffi';

import * as libc from './libc.js';
import type { Result } from './libc.js';

const lib = koffi.load(null);
const c = {
  create: lib.func('epoll_create1', 'int', ['int']),
  ctl: lib.func('epoll_ctl', 'int', ['int', 'int', 'int', 'void *']),
  wait: lib.func('epoll_wait', 'int', ['int', 'void *', 'int', 'int']),
  clock: lib.func('clock_gettime', 'int', ['int', 'void *']),
};

const CLOCK_MONOTONIC = 1;

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLET = 0x80000000;
const EINTR = 4;

/** In 32-bit words: struct epoll_event is packed (12 bytes) on x86-64 alone, elsewhere its data is aligned (16 bytes). Source: linux/eventpoll.h. */
const PACKED = process.arch === 'x64';
const STRIDE = PACKED ? 3 : 4;
const DATA = PACKED ? 1 : 2;

/** The most events one `wait` brings; the rest come with the next. */
export const BATCH = 256;

/**
 * An epoll set. Each descriptor carries two 32-bit numbers, `key` and `generation`, that come back with its events.
 * Edge-triggered: an event comes once for each signal or group of signals, so a descriptor that nobody reads cannot keep the waiter spinning.
 * An instance belongs to one thread; open the same set in another with `new Epoll(fd)`.
 */
export class Epoll {
  readonly fd: number;
  readonly #events = new Uint32Array(BATCH * STRIDE);
  readonly #one = new Uint32Array(STRIDE);
  /** struct timespec of a 64-bit little-endian machine: the seconds' low word, their high word, the nanoseconds' low word, 0. */
  readonly #now = new Uint32Array(4);

  constructor(fd: number) {
    this.fd = fd;
  }

  /** epoll_create1(2), close-on-exec; `value` is the descriptor. */
  static create(): Result {
    return result(c.create(EPOLL_CLOEXEC) as number);
  }

  /** Starts to watch `fd`. If it is readable already, an event comes at once. */
  add(fd: number, key: number, generation: number): Result {
    return this.#control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, key, generation);
  }

  /** Keeps `fd` in the set and silent. */
  silence(fd: number, key: number, generation: number): Result {
    return this.#control(EPOLL_CTL_MOD, fd, EPOLLET, key, generation);
  }

  /** Listens again after `silence`; if `fd` is readable by now, an event comes at once. */
  resume(fd: number, key: number, generation: number): Result {
    return this.#control(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET, key, generation);
  }

  delete(fd: number): Result {
    return this.#control(EPOLL_CTL_DEL, fd, 0, 0, 0);
  }

  /**
   * Blocks the thread until there are events, and returns how many (0 after a signal). Negative: minus the errno.
   * `timeNs` is CLOCK_MONOTONIC right after the return: by clock_gettime, which a thread that has slept reaches about 1 us sooner than process.hrtime.
   */
  wait(): number {
    const count = c.wait(this.fd, this.#events, BATCH, -1) as number;
    const errno = count < 0 ? koffi.errno() : 0;
    c.clock(CLOCK_MONOTONIC, this.#now);
    return errno === EINTR ? 0 : count < 0 ? -errno : count;
  }

  /** CLOCK_MONOTONIC nanoseconds at which the last `wait` returned. */
  get timeNs(): number {
    return (this.#now[0] ?? 0) * 1e9 + (this.#now[2] ?? 0);
  }

  /** The key of event `index` of the last `wait`. */
  key(index: number): number {
    return this.#events[index * STRIDE + DATA] ?? 0;
  }

  generation(index: number): number {
    return this.#events[index * STRIDE + DATA + 1] ?? 0;
  }

  close(): void {
    libc.close(this.fd);
  }

  #control(operation: number, fd: number, events: number, key: number, generation: number): Result {
    this.#one[0] = events;
    this.#one[DATA] = key;
    this.#one[DATA + 1] = generation;
    return result(c.ctl(this.fd, operation, fd, this.#one) as number);
  }
}

function result(value: number): Result {
  return value < 0 ? { value, errno: koffi.errno() } : { value, errno: 0 };
}
