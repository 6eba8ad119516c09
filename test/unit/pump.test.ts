import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

import { VfioError } from '../../src/vfio/errors.js';
import { monotonicNs } from '../../src/vfio/journal.js';
import * as libc from '../../src/vfio/sys/libc.js';
import { DEFAULT_GUARD } from '../../src/vfio/sys/pump-source.js';
import type { SourceSink, Storm } from '../../src/vfio/sys/pump-source.js';
import { Pump } from '../../src/vfio/sys/pump.js';

const UNGUARDED = { guard: { signals: Infinity, withinMs: 1000 } };
/** ioctl(2) FIONBIO: sets O_NONBLOCK where its int argument is not 0. It stands in for VFIO_DEVICE_SET_IRQS; asm-generic/ioctls.h. */
const FIONBIO = 0x5421;
const ONE = new Uint8Array(new Int32Array([1]).buffer);

/** Everything a source tells, in order. */
class Log implements SourceSink {
  readonly lines: string[] = [];
  readonly times: number[] = [];
  count = 0n;
  storm: Storm | undefined;
  #tell = (): void => undefined;

  signalled(timeNs: number, count: bigint): void {
    this.count += count;
    this.times.push(timeNs);
    this.#line(`${count}`);
  }

  stormed(storm: Storm): void {
    this.storm = storm;
    this.#line(`storm ${storm.signals}`);
  }

  failed(errno: string): void {
    this.#line(`failed ${errno}`);
  }

  /** Resolves when `lines` has that many. */
  async until(lines: number): Promise<void> {
    while (this.lines.length < lines) await new Promise<void>((resolve) => (this.#tell = resolve));
  }

  #line(line: string): void {
    this.lines.push(line);
    this.#tell();
  }
}

/** Blocks this thread, so that nothing but the pump's own can do it, until `condition` holds. */
function blockUntil(condition: () => boolean): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; !condition(); tries++) {
    assert.ok(tries < 5000, 'it did not come about within 5 s');
    Atomics.wait(cell, 0, 0, 1);
  }
}

const unwanted = (): void => assert.fail('it must not be told');
const pending = (fd: number): boolean => libc.poll(fd, libc.POLLIN, 0).value > 0;

describe('the interrupt pump', () => {
  let pump: Pump;
  let release: () => void;
  let fds: number[];

  beforeEach(() => {
    pump = Pump.acquire();
    release = pump.hold();
    fds = [];
  });

  afterEach(async () => {
    release();
    await pump.release();
    for (const fd of fds) libc.close(fd);
  });

  function eventfd(): number {
    const fd = libc.eventfd().value;
    fds.push(fd);
    return fd;
  }

  test('a signal reaches its sink with its count and its time', async () => {
    const log = new Log();
    const fd = eventfd();
    pump.add(fd, log);
    const before = monotonicNs();
    libc.eventfdAdd(fd, 3n);
    await log.until(1);
    assert.deepEqual(log.lines, ['3']);
    assert.ok(before <= (log.times[0] ?? 0) && (log.times[0] ?? 0) <= monotonicNs());
  });

  test('the time is the arrival, however late the main thread looks', () => {
    const log = new Log();
    const fd = eventfd();
    const source = pump.add(fd, log);
    libc.eventfdAdd(fd);
    blockUntil(() => pump.totals(source).count === 1n);
    const seen = monotonicNs();
    blockUntil(() => monotonicNs() > seen + 20e6);
    pump.drain();
    assert.deepEqual(log.lines, ['1']);
    assert.ok((log.times[0] ?? Infinity) <= seen);
    assert.equal(pump.totals(source).firstNs, log.times[0]);
  });

  test('signals that were there before count as arriving now', async () => {
    const log = new Log();
    const fd = eventfd();
    libc.eventfdAdd(fd, 2n ** 40n);
    pump.add(fd, log, UNGUARDED);
    await log.until(1);
    assert.deepEqual(log.lines, [`${2n ** 40n}`]);
  });

  test('events of many sources come in order, each to its own sink', () => {
    const order: number[] = [];
    const sources = Array.from({ length: 64 }, (_, index) => {
      const fd = eventfd();
      const sink = { signalled: () => void order.push(index), stormed: unwanted, failed: unwanted };
      return { fd, source: pump.add(fd, sink) };
    });
    const wanted = [5, 63, 0, 5, 17];
    for (const index of wanted) {
      const { fd = -1, source = -1 } = sources[index] ?? {};
      const count = pump.totals(source).count;
      libc.eventfdAdd(fd);
      blockUntil(() => pump.totals(source).count === count + 1n);
    }
    assert.equal(pump.drain(), wanted.length);
    assert.deepEqual(order, wanted);
  });

  test('a full ring loses events, never signals, and says so', () => {
    const log = new Log();
    const fd = eventfd();
    const source = pump.add(fd, log, UNGUARDED);
    let told = 0n;
    const stop = pump.onDropped((dropped) => (told = dropped.signals));
    let sent = 0n;
    while (pump.dropped.events < 10n) {
      libc.eventfdAdd(fd);
      sent++;
      while (pump.totals(source).count < sent) continue;
    }
    const { count, dropped } = pump.remove(source);
    pump.drain();
    stop();
    assert.equal(count, sent);
    assert.ok(dropped >= 10n);
    assert.equal(told, dropped);
    assert.equal(log.count + dropped, sent);
  });

  test('the guard silences a storm and masks it while the main thread is busy, and tells once', async () => {
    const log = new Log();
    const fd = eventfd();
    const line = eventfd();
    libc.setNonBlocking(line, false);
    const masked = (): boolean =>
      (Number.parseInt(/flags:\t(\d+)/.exec(info(line))?.[1] ?? '', 8) & libc.O_NONBLOCK) !== 0;
    assert.equal(masked(), false);
    const source = pump.add(fd, log, {
      guard: { signals: 5, withinMs: 60_000 },
      mask: { fd: line, request: FIONBIO, argument: ONE },
    });
    libc.eventfdAdd(fd, 5n);
    blockUntil(() => pump.totals(source).count === 5n);
    assert.equal(masked(), false);
    libc.eventfdAdd(fd, 4n);
    blockUntil(masked);
    // Nobody takes these: they wait in the eventfd.
    libc.eventfdAdd(fd, 100n);
    libc.eventfdAdd(fd, 200n);
    await log.until(3);
    assert.deepEqual(log.lines, ['5', '4', 'storm 9']);
    assert.equal(log.storm?.masked, true);
    assert.equal(log.storm?.timeNs, log.times[1]);
    assert.equal(log.storm?.spanNs, (log.times[1] ?? 0) - (log.times[0] ?? 0));
    assert.ok(pending(fd));

    pump.setGuard(source, DEFAULT_GUARD);
    pump.rearm(source);
    await log.until(4);
    assert.deepEqual(log.lines.slice(3), ['300']);
    assert.equal(pump.totals(source).count, 309n);
  });

  test('a mask that fails is told by its errno; without a mask it is left to the sink', async () => {
    const guard = { signals: 1, withinMs: 60_000 };
    const [failing, bare] = [new Log(), new Log()];
    const [one, other] = [eventfd(), eventfd()];
    pump.add(one, failing, { guard, mask: { fd: one, request: 0x3b6e, argument: new Uint8Array(20) } });
    pump.add(other, bare, { guard });
    libc.eventfdAdd(one, 2n);
    libc.eventfdAdd(other, 2n);
    await failing.until(2);
    await bare.until(2);
    assert.equal(failing.storm?.masked, 'ENOTTY');
    assert.equal(bare.storm?.masked, undefined);
  });

  test('the guard counts within its window only', async () => {
    const log = new Log();
    const fd = eventfd();
    pump.add(fd, log, { guard: { signals: 4, withinMs: 1 } });
    for (let signal = 1; signal <= 6; signal++) {
      libc.eventfdAdd(fd, 3n);
      await log.until(signal);
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    assert.deepEqual(
      log.lines,
      Array.from({ length: 6 }, () => '3'),
    );
  });

  test('a source that cannot be read is told of and left alone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pump-'));
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    const fifo = openSync(join(folder, 'fifo'), 'r+');
    const log = new Log();
    const source = pump.add(fifo, log);
    writeSync(fifo, 'x');
    await log.until(1);
    assert.deepEqual(log.lines, ['failed EINVAL']);
    assert.equal(pump.remove(source).count, 0n);
    closeSync(fifo);
    rmSync(folder, { recursive: true });
  });

  test('after remove the eventfd is the caller’s alone, and nothing was lost on the way', () => {
    const fd = eventfd();
    for (let round = 0; round < 2000; round++) {
      const log = new Log();
      const source = pump.add(fd, log, UNGUARDED);
      libc.eventfdAdd(fd, 2n);
      if (round % 2 === 0) libc.eventfdAdd(fd, 3n);
      const sent = round % 2 === 0 ? 5n : 2n;
      assert.equal(pump.remove(source).count, sent);
      assert.equal(log.count, sent);
      assert.throws(() => pump.totals(source), RangeError);
    }
    libc.eventfdAdd(fd, 7n);
    const other = new Log();
    const otherFd = eventfd();
    const source = pump.add(otherFd, other);
    libc.eventfdAdd(otherFd);
    blockUntil(() => pump.totals(source).count === 1n);
    assert.equal(libc.eventfdTake(fd), 7n);
  });

  test('a sink may remove its source, and what it throws does not stop the rest', () => {
    const fd = eventfd();
    const log = new Log();
    const source = pump.add(fd, {
      signalled: () => {
        assert.equal(pump.remove(source).count, 1n);
        throw new Error('of the sink');
      },
      stormed: unwanted,
      failed: unwanted,
    });
    const otherFd = eventfd();
    const other = pump.add(otherFd, log);
    libc.eventfdAdd(fd);
    blockUntil(() => pump.totals(source).count === 1n);
    libc.eventfdAdd(otherFd);
    blockUntil(() => pump.totals(other).count === 1n);
    assert.throws(() => pump.drain(), /of the sink/);
    pump.drain();
    assert.deepEqual(log.lines, ['1']);
  });

  test('what it cannot take is refused with the reason', () => {
    const log = new Log();
    const refused = (fd: number, errno: string) => (error: unknown) =>
      error instanceof VfioError && error.details.errno === errno && error.message.includes(`eventfd ${fd}`);
    assert.throws(() => pump.add(9999, log), refused(9999, 'EBADF'));
    const file = openSync('/proc/self/status', 'r');
    assert.throws(() => pump.add(file, log), refused(file, 'EPERM'));
    closeSync(file);
    const fd = eventfd();
    assert.throws(() => pump.add(fd, log, { guard: { signals: 0, withinMs: 1 } }), RangeError);
    assert.throws(() => pump.add(fd, log, { guard: { signals: 1, withinMs: Number.NaN } }), RangeError);
    const argument = new Uint8Array(65);
    assert.throws(() => pump.add(fd, log, { mask: { fd, request: 0, argument } }), RangeError);
    libc.eventfdAdd(fd);
    const source = pump.add(fd, log);
    blockUntil(() => pump.totals(source).count === 1n);
  });
});

describe('the interrupt pump’s life', () => {
  const openFds = (): string[] => readdirSync('/proc/self/fd');
  const threads = (): number => readdirSync('/proc/self/task').length;

  test('there is one for the process, and the last release leaves no thread and no descriptor', async () => {
    await Pump.acquire().release();
    const before = { fds: openFds().length, threads: threads() };
    for (let round = 0; round < 10; round++) {
      const first = Pump.acquire();
      const second = Pump.acquire();
      assert.equal(first, second);
      assert.equal(threads(), before.threads + 1);
      await first.release();
      assert.equal(threads(), before.threads + 1);
      await second.release();
    }
    assert.deepEqual({ fds: openFds().length, threads: threads() }, before);
  });

  test('a failure of its thread is told; counts stay in the eventfds, and the next pump works', async () => {
    const pump = Pump.acquire();
    const release = pump.hold();
    const fd = libc.eventfd().value;
    const log = new Log();
    const source = pump.add(fd, log);
    const crashed = new Promise<string>((resolve) => pump.onCrash(resolve));
    // Its epoll set is closed under it: the wait in progress still ends with the next signal, the one after it fails.
    const set = Number(openFds().find((name) => new RegExp(`^tfd: *${fd} `, 'm').test(info(name))));
    closeSync(set);
    assert.equal(openSync('/dev/null', 'r'), set);
    libc.eventfdAdd(fd);
    assert.match(await crashed, /epoll_wait: E(BADF|INVAL)/);
    assert.match(pump.crashed ?? '', /epoll_wait/);
    assert.throws(() => pump.add(fd, log), /interrupt pump has failed/);
    libc.eventfdAdd(fd, 4n);
    assert.equal(pump.remove(source).count, 5n);
    release();
    await pump.release();

    const next = Pump.acquire();
    assert.notEqual(next, pump);
    const again = next.add(fd, log);
    libc.eventfdAdd(fd, 6n);
    blockUntil(() => next.totals(again).count === 6n);
    await next.release();
    libc.close(fd);
  });

  const PREAMBLE = `
    const { Pump } = await import(${JSON.stringify(new URL('../../src/vfio/sys/pump.js', import.meta.url).href)});
    const libc = await import(${JSON.stringify(new URL('../../src/vfio/sys/libc.js', import.meta.url).href)});
    const { spawn } = await import('node:child_process');
    const pump = Pump.acquire();
    const fd = libc.eventfd().value;
    const sink = { signalled: (time, count) => console.log('signalled', count), stormed() {}, failed() {} };
    pump.add(fd, sink);`;

  /** How a process that never releases its pump ends. One that hangs is killed, and then its signal is SIGKILL. */
  async function end(
    code: string,
    signal?: NodeJS.Signals,
  ): Promise<{ code: number | null; signal: string | null; out: string }> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PREAMBLE + code], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 20_000,
      killSignal: 'SIGKILL',
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (signal !== undefined && out.includes('ready')) child.kill(signal);
    });
    const [status, by] = (await once(child, 'close')) as [number | null, string | null];
    return { code: status, signal: by, out };
  }

  const STAY = `console.log('ready'); setInterval(() => {}, 1000);`;
  const endings: [name: string, code: string, signal: NodeJS.Signals | undefined, expected: object][] = [
    ['at the end of main', `console.log('end')`, undefined, { code: 0, signal: null, out: 'end\n' }],
    ['by process.exit', `process.exit(5)`, undefined, { code: 5, signal: null, out: '' }],
    ['by an uncaught throw', `throw new Error('uncaught')`, undefined, { code: 1, signal: null, out: '' }],
    [
      'although an exit listener throws',
      `process.prependListener('exit', () => console.log('first')); process.on('exit', () => { throw new Error('late'); });`,
      undefined,
      { code: 1, signal: null, out: 'first\n' },
    ],
    ['by SIGTERM', STAY, 'SIGTERM', { code: null, signal: 'SIGTERM', out: 'ready\n' }],
    [
      'by SIGTERM with a handler',
      `process.on('SIGTERM', () => process.exit(9));${STAY}`,
      'SIGTERM',
      { code: 9, signal: null, out: 'ready\n' },
    ],
    [
      'when what held it lets go',
      `const release = pump.hold();
       sink.signalled = (time, count) => { console.log('got', count); release(); };
       spawn('sh', ['-c', 'sleep 0.1; printf "\\\\003\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000\\\\000" >&3'],
         { stdio: ['ignore', 'ignore', 'ignore', fd] }).unref();`,
      undefined,
      { code: 0, signal: null, out: 'got 3n\n' },
    ],
    [
      'after a sink has thrown, with the next event still coming',
      `const release = pump.hold();
       process.on('uncaughtException', (error) => { console.log(error.message); libc.eventfdAdd(fd, 2n); });
       sink.signalled = (time, count) => {
         if (count === 1n) throw new Error('of the sink');
         console.log('got', count);
         release();
       };
       libc.eventfdAdd(fd, 1n);`,
      undefined,
      { code: 0, signal: null, out: 'of the sink\ngot 2n\n' },
    ],
  ];
  for (const [name, code, signal, expected] of endings) {
    test(`a process ends ${name}`, async () => assert.deepEqual(await end(code, signal), expected));
  }
});

/** What the kernel says of an open descriptor; nothing where it is not open any more. */
function info(fd: number | string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  } catch {
    return '';
  }
}
