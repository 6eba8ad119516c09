import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type AccessEngine, accessEngine, faultName, loadEngine } from '../../src/vfio/sys/access-engine.js';
import {
  close,
  ftruncate,
  MAP_SHARED,
  memfd,
  memoryAt,
  mmap,
  munmap,
  PROT_READ,
  PROT_WRITE,
} from '../../src/vfio/sys/libc.js';
import { bytesOf, maxOf, type Width, widths } from '../../src/vfio/width.js';
import type { FaultingReport, FaultingWork } from '../stubs/faulting-thread.js';

/** As much of it as this file uses; TypeScript has it in the DOM's library only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> };
  readonly RuntimeError: ErrorConstructor;
};

/** A whole page on every kernel (arm64 has pages up to 64 KiB). */
const page = 65_536;
const busAdrErr = 2;

/** A mapping of two pages over a file of one: the first is the device, the second answers with SIGBUS. */
let device: number;
let bytes: Buffer;
let engine: AccessEngine;
const refusedPage = (): number => device + page;

before(() => {
  const file = memfd('half', page);
  device = mmap(2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, file.value, 0).value;
  close(file.value);
  bytes = Buffer.from(memoryAt(device, page));
  const choice = accessEngine();
  assert.ok('engine' in choice, JSON.stringify(choice));
  ({ engine } = choice);
});

after(() => munmap(device, 2 * page));

/** Every byte of the device different from its neighbours. */
beforeEach(() => {
  for (let at = 0; at < page; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff;
});

function read(width: Width, address: number): number | bigint | undefined {
  if (width === 8) return engine.read8(address);
  if (width === 16) return engine.read16(address);
  return width === 32 ? engine.read32(address) : engine.read64(address);
}

function write(width: Width, address: number, value: bigint): boolean {
  if (width === 8) return engine.write8(address, Number(value));
  if (width === 16) return engine.write16(address, Number(value));
  return width === 32 ? engine.write32(address, Number(value)) : engine.write64(address, value);
}

/** What lies at an offset of the device, little-endian. */
function held(width: Width, offset: number): bigint {
  let value = 0n;
  for (let at = bytesOf(width) - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[offset + at] ?? 0);
  return value;
}

describe('single accesses', () => {
  for (const width of widths) {
    const step = bytesOf(width);

    test(`read${width} gives what is there, and changes nothing`, () => {
      const copy = Buffer.from(bytes);
      for (const offset of [0, step, 0x100, page - step]) {
        assert.equal(BigInt(read(width, device + offset) ?? -1), held(width, offset));
      }
      for (const value of [0n, 1n, maxOf(width) >> 1n, (maxOf(width) >> 1n) + 1n, maxOf(width)]) {
        for (let at = 0; at < step; at++) bytes[at] = copy[at] = Number((value >> BigInt(8 * at)) & 0xffn);
        assert.equal(BigInt(read(width, device) ?? -1), value);
      }
      assert.deepEqual(bytes, copy);
    });

    test(`write${width} changes its ${step} bytes and no neighbour`, () => {
      const expected = Buffer.from(bytes);
      const value = 0xf1e2d3c4b5a69788n & maxOf(width);
      for (const offset of [step, 0x200, page - step]) {
        assert.equal(write(width, device + offset, value), true);
        for (let at = 0; at < step; at++) expected[offset + at] = Number((value >> BigInt(8 * at)) & 0xffn);
        assert.deepEqual(bytes, expected);
      }
    });

    test(`a refused read${width} is no value, and a refused write${width} changes nothing`, () => {
      const copy = Buffer.from(bytes);
      const address = refusedPage() + 2 * step;
      const value = read(width, address);
      if (width === 64) assert.equal(value, undefined);
      else assert.ok(Number(value) > Number(maxOf(width)));
      const fault = { code: busAdrErr, address: BigInt(address), completed: 0 };
      assert.deepEqual(engine.lastFault(), fault);
      assert.equal(BigInt(read(width, device) ?? -1), held(width, 0));
      assert.deepEqual(engine.lastFault(), fault, 'a good access leaves the last fault as it was');

      assert.equal(write(width, address + step, 1n), false);
      assert.deepEqual(engine.lastFault(), { ...fault, address: BigInt(address + step) });
      assert.equal(write(width, device, 0x5an), true);
      assert.equal(held(width, 0), 0x5an);
      assert.deepEqual(bytes.subarray(step), copy.subarray(step));
    });
  }
});

describe('blocks', () => {
  for (const width of widths) {
    const step = bytesOf(width);

    test(`readBlock${width} packs what lies a stride apart`, () => {
      for (const stride of [0, step, 2 * step, 3 * step, 256]) {
        for (const count of [0, 1, 2, 33]) {
          const into = new Uint8Array(count * step + 8).fill(0xee);
          assert.equal(engine.readBlock(width, device + 16, count, stride, into), count);
          const expected = new Uint8Array(into.length).fill(0xee);
          for (let n = 0; n < count; n++) {
            expected.set(bytes.subarray(16 + n * stride, 16 + n * stride + step), n * step);
          }
          assert.deepEqual(into, expected, `stride ${stride}, count ${count}`);
        }
      }
    });

    test(`writeBlock${width} spreads packed elements a stride apart`, () => {
      const from = Uint8Array.from({ length: 33 * step }, (_, at) => (at * 11 + 3) & 0xff);
      for (const stride of [0, step, 2 * step, 3 * step, 256]) {
        for (const count of [0, 1, 2, 33]) {
          const expected = Buffer.from(bytes);
          for (let n = 0; n < count; n++) expected.set(from.subarray(n * step, (n + 1) * step), 16 + n * stride);
          assert.equal(engine.writeBlock(width, device + 16, from, count, stride), count);
          assert.deepEqual(bytes, expected, `stride ${stride}, count ${count}`);
        }
      }
    });

    test(`a block of ${width} bits tells how far it came before it was refused`, () => {
      for (const stride of [step, 4 * step]) {
        const start = page - 5 * stride;
        const into = new Uint8Array(9 * step).fill(0xee);
        const fault = { code: busAdrErr, address: BigInt(refusedPage()), completed: 5 };
        assert.equal(engine.readBlock(width, device + start, 9, stride, into), 5);
        assert.deepEqual(engine.lastFault(), fault);
        for (let n = 0; n < 5; n++) {
          const there = bytes.subarray(start + n * stride, start + n * stride + step);
          assert.deepEqual(Buffer.from(into.subarray(n * step, (n + 1) * step)), there);
        }
        assert.ok(into.subarray(5 * step).every((byte) => byte === 0xee));

        const expected = Buffer.from(bytes);
        const from = new Uint8Array(9 * step).fill(0x3c);
        for (let n = 0; n < 5; n++) expected.fill(0x3c, start + n * stride, start + n * stride + step);
        assert.equal(engine.writeBlock(width, device + start, from, 9, stride), 5);
        assert.deepEqual(engine.lastFault(), fault);
        assert.deepEqual(bytes, expected);
      }
      const first = engine.readBlock(width, refusedPage(), 3, 0, new Uint8Array(64));
      assert.equal(first, 0);
      assert.deepEqual(engine.lastFault(), { code: busAdrErr, address: BigInt(refusedPage()), completed: 0 });
    });
  }

  test('the memory side may be part of a buffer, unaligned, or shared between threads', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(64));
    assert.equal(engine.readBlock(32, device, 4, 4, shared.subarray(3)), 4);
    assert.deepEqual(Buffer.from(shared.subarray(3, 19)), bytes.subarray(0, 16));
    assert.ok(shared.subarray(0, 3).every((byte) => byte === 0) && shared.subarray(19).every((byte) => byte === 0));
  });

  test('what does not fit is refused before any access', () => {
    const copy = Buffer.from(bytes);
    const fits = new Uint8Array(16);
    for (const [count, stride] of [
      [5, 4],
      [-1, 4],
      [1.5, 4],
      [Number.NaN, 4],
      [1, -4],
      [1, 0.5],
      [1, Number.NaN],
      [Number.POSITIVE_INFINITY, 4],
    ] as const) {
      assert.throws(() => engine.readBlock(32, device, count, stride, fits), RangeError, `${count}, ${stride}`);
      assert.throws(() => engine.writeBlock(32, device, fits, count, stride), RangeError, `${count}, ${stride}`);
    }
    assert.deepEqual(bytes, copy);
    assert.ok(fits.every((byte) => byte === 0));
  });
});

describe('polls', () => {
  for (const width of widths) {
    test(`poll${width} ends with the first read that matches, or after as many as allowed`, () => {
      const top = 1n << BigInt(width - 1);
      assert.ok(write(width, device, top | 0x25n));
      const value = top | 0x25n;
      assert.deepEqual(engine.poll(width, device, top, top, 100), { matched: true, value, iterations: 1 });
      assert.deepEqual(engine.poll(width, device, 0x0fn, 0x05n, 1), { matched: true, value, iterations: 1 });
      assert.deepEqual(engine.poll(width, device, top, 0n, 1), { matched: false, value, iterations: 1 });
      assert.deepEqual(engine.poll(width, device, maxOf(width), 0n, 777), { matched: false, value, iterations: 777 });
    });

    test(`a refused poll${width} says so`, () => {
      assert.equal(engine.poll(width, refusedPage() + 8, 1n, 1n, 10), undefined);
      assert.deepEqual(engine.lastFault(), { code: busAdrErr, address: BigInt(refusedPage() + 8), completed: 0 });
    });
  }

  test('a poll sees what another thread writes', async () => {
    bytes.fill(0, 0, 8);
    const flag = new SharedArrayBuffer(4);
    const writer = new Worker(
      `const { workerData: { flag, address, engineUrl } } = require('node:worker_threads');
      import(engineUrl).then(({ accessEngine }) => {
        const { engine } = accessEngine();
        Atomics.wait(new Int32Array(flag), 0, 0);
        engine.write32(address, 0x80000001);
      });`,
      { eval: true, workerData: { flag, address: device, engineUrl: engineUrl().href } },
    );
    await once(writer, 'online');
    Atomics.store(new Int32Array(flag), 0, 1);
    Atomics.notify(new Int32Array(flag), 0);
    let polled = engine.poll(32, device, 0x80000000n, 0x80000000n, 1000);
    for (const end = Date.now() + 20_000; polled?.matched === false && Date.now() < end;) {
      polled = engine.poll(32, device, 0x80000000n, 0x80000000n, 1000);
    }
    assert.ok(polled?.matched);
    assert.equal(polled.value, 0x80000001n);
    await once(writer, 'exit');
  });

  test('a poll needs at least one read', () => {
    for (const iterations of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => engine.poll(32, device, 1n, 1n, iterations), RangeError);
    }
  });
});

describe('faults', () => {
  test('ten thousand of them leave the process as it was', () => {
    let refused = 0;
    for (let n = 0; n < 10_000; n++) {
      if (engine.read32(refusedPage() + 4 * (n % 1000)) > 0xffffffff) refused += 1;
      if (engine.read8(device) !== bytes[0]) assert.fail('a good read between two refused ones');
    }
    assert.equal(refused, 10_000);
  });

  test('a page that comes back is read again', () => {
    const file = memfd('unplugged', 0);
    const address = mmap(page, PROT_READ | PROT_WRITE, MAP_SHARED, file.value, 0).value;
    assert.ok(engine.read32(address) > 0xffffffff);
    assert.equal(engine.write32(address, 7), false);
    assert.equal(ftruncate(file.value, page).errno, 0);
    assert.equal(engine.read32(address), 0);
    assert.equal(engine.write32(address, 7), true);
    assert.equal(engine.read32(address), 7);
    munmap(address, page);
    close(file.value);
  });

  test('threads that fault at once each get their own answer', async () => {
    const rounds = 2000;
    const workerData: FaultingWork = { good: device, bad: refusedPage(), rounds };
    const file = new URL('../stubs/faulting-thread.js', import.meta.url);
    const workers = Array.from({ length: 4 }, () => new Worker(file, { workerData }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const reports = workers.map((worker) => once(worker, 'message'));
    for (const worker of workers) worker.postMessage('go', []);
    for (let n = 0; n < rounds; n++) assert.ok(engine.read16(refusedPage()) > 0xffff);
    for (const [report] of await Promise.all(reports)) {
      assert.deepEqual(report satisfies FaultingReport, { refused: rounds, done: rounds });
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
    assert.ok(engine.read32(refusedPage()) > 0xffffffff, 'threads have ended, the handler has not');
  });

  test("WebAssembly's own traps still work", () => {
    // (module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
    const module = Buffer.from(
      '0061736d0100000001060160017f017f03020100050301000107080104' + '6c6f616400000a0901070020002802000b',
      'hex',
    );
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module));
    const load = instance.exports['load'];
    assert.ok(typeof load === 'function');
    for (let n = 0; n < 10; n++) {
      assert.equal(load(0), 0);
      assert.throws(() => load(65_536), WebAssembly.RuntimeError);
      assert.ok(engine.read32(refusedPage()) > 0xffffffff);
    }
  });

  test('their codes have names', () => {
    assert.equal(faultName(busAdrErr), 'BUS_ADRERR');
    assert.equal(faultName(99), 'si_code 99');
  });
});

describe('the code page', () => {
  test('is never writable, and one serves all threads', async () => {
    const thread = new Worker(
      `import(require('node:worker_threads').workerData).then(({ accessEngine }) => accessEngine())`,
      { eval: true, workerData: engineUrl().href },
    );
    await once(thread, 'exit');
    const lines = readFileSync('/proc/self/maps', 'latin1').split('\n');
    const permissions = lines.filter((line) => line.includes('memfd:vfiodbg-stubs')).map((line) => line.split(' ')[1]);
    assert.deepEqual(permissions, ['r-xp']);
  });

  test('a processor without stubs is told', () => {
    assert.deepEqual(loadEngine('riscv64'), { unavailable: 'there are no access stubs for riscv64' });
  });
});

describe('other signals', { concurrency: 2 }, () => {
  /** Runs one act of test/stubs/foreign-signal.ts. */
  const run = (act: string): Promise<{ signal: string | undefined; code: unknown; output: string }> =>
    new Promise((resolve) => {
      const script = fileURLToPath(new URL('../stubs/foreign-signal.js', import.meta.url));
      execFile(process.execPath, [script, act], { timeout: 60_000 }, (error, stdout) =>
        resolve({ signal: error?.signal, code: error?.code ?? 0, output: stdout.trim() }),
      );
    });

  for (const act of [
    'load elsewhere',
    'load elsewhere, ignored',
    'block into lost memory',
    'a signal from a process',
  ]) {
    test(`${act}: the process ends by SIGBUS, as without the engine`, async () => {
      const { signal, output } = await run(act);
      assert.deepEqual({ signal, output }, { signal: 'SIGBUS', output: '' });
    });
  }

  test('threads that make their engines at once each get their own faults, and nobody the others', async () => {
    const { signal, output } = await run('threads first');
    assert.deepEqual(
      JSON.parse(output),
      Array.from({ length: 6 }, () => ({ refused: 500, done: 500 })),
    );
    assert.equal(signal, 'SIGBUS');
  });

  test('a signal that was ignored stays ignored', async () => {
    assert.deepEqual(await run('an ignored signal'), { signal: undefined, code: 0, output: 'still here' });
  });

  test('a handler that was there before still gets what is sent', async () => {
    assert.deepEqual(await run('a signal with a handler'), { signal: undefined, code: 0, output: 'handled' });
  });

  test('signals that come during a poll are no faults of it', async () => {
    assert.deepEqual(await run('signals into a poll'), { signal: undefined, code: 0, output: 'whole polls' });
  });

  test('no descriptor for the code page: unavailable, with the reason', async () => {
    const { output } = await run('no descriptors');
    assert.equal(output, 'memfd_create is refused: EMFILE');
  });

  test('no executable memory: unavailable, with the reason', async (t) => {
    const { output } = await run('no executable memory');
    if (output === 'no seccomp') t.skip('this kernel has no seccomp filters');
    else assert.equal(output, 'mmap of executable memory is refused: EACCES');
  });
});

function engineUrl(): URL {
  return new URL('../../src/vfio/sys/access-engine.js', import.meta.url);
}
