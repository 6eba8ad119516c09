/**
 * A process of test/unit/access-engine.test.ts, which watches how it ends. It installs the engine, sees one access
 * refused, and then does what its argument says.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import koffi from 'koffi';
import { accessEngine } from '../../src/vfio/sys/access-engine.js';
import { MAP_SHARED, memfd, memoryAt, mmap, PROT_READ, PROT_WRITE } from '../../src/vfio/sys/libc.js';
import type { FaultingWork } from './faulting-thread.js';

const page = 65_536;
const address = mmap(2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, memfd('half', page).value, 0).value;
const beyond = address + page;

function engineOrEnd(): Extract<ReturnType<typeof accessEngine>, { engine: unknown }>['engine'] {
  const choice = accessEngine();
  if ('unavailable' in choice) {
    console.log(choice.unavailable);
    process.exit(0);
  }
  assert.ok(choice.engine.read32(beyond) > 0xffffffff);
  return choice.engine;
}

const acts: Record<string, () => void | Promise<void>> = {
  /** A load by V8, outside the stubs. */
  'load elsewhere': () => {
    engineOrEnd();
    console.log(new Uint8Array(memoryAt(beyond, page))[0]);
  },
  /** The device side of a block is good, the memory side is not. */
  'block into lost memory': () => {
    engineOrEnd().readBlock(32, address, 4, 4, new Uint8Array(memoryAt(beyond, page)));
  },
  'a signal from a process': () => {
    engineOrEnd();
    process.kill(process.pid, 'SIGBUS');
    setTimeout(() => console.log('still here'), 1000);
  },
  /** SIG_IGN (1) before the engine: a sent signal stays ignored. */
  'an ignored signal': () => {
    const signal = koffi.load(null).func('signal', 'intptr_t', ['int', 'intptr_t']);
    signal(7, 1);
    const engine = engineOrEnd();
    process.kill(process.pid, 'SIGBUS');
    setTimeout(() => console.log(engine.read32(beyond) > 0xffffffff ? 'still here' : 'lost'), 50);
  },
  /** SIG_IGN does not save from a fault: the kernel would end the process without a handler, too. */
  'load elsewhere, ignored': () => {
    const signal = koffi.load(null).func('signal', 'intptr_t', ['int', 'intptr_t']);
    signal(7, 1);
    engineOrEnd();
    console.log(new Uint8Array(memoryAt(beyond, page))[0]);
  },
  'a signal with a handler': () => {
    process.on('SIGBUS', () => {
      console.log(engine.read32(beyond) > 0xffffffff ? 'handled' : 'lost');
      process.exit(0);
    });
    const engine = engineOrEnd();
    setTimeout(() => process.exit(9), 5000);
    process.kill(process.pid, 'SIGBUS');
  },
  /** Signals that a process sends during a poll are no faults of it, wherever they hit. */
  'signals into a poll': async () => {
    let handled = 0;
    process.on('SIGBUS', () => (handled += 1));
    const engine = engineOrEnd();
    const done = new Int32Array(new SharedArrayBuffer(4));
    const sender = new Worker(
      `const { workerData: done } = require('node:worker_threads');
      const pause = new Int32Array(new SharedArrayBuffer(4));
      for (let n = 0; n < 2000; n++) { process.kill(process.pid, 'SIGBUS'); Atomics.wait(pause, 0, 0, 0.02); }
      Atomics.store(done, 0, 1);`,
      { eval: true, workerData: done },
    );
    sender.once('error', (error) => assert.fail(error));
    const unmatched = { matched: false, value: 0n, iterations: 50_000 };
    while (Atomics.load(done, 0) === 0) {
      assert.deepEqual(engine.poll(32, address, 1n, 1n, 50_000), unmatched);
      await setImmediate();
    }
    console.log(handled > 0 ? 'whole polls' : 'no signal came');
    process.exit(0);
  },
  /** Threads that find no engine and make theirs at once, before this one has it; a load elsewhere then still kills. */
  'threads first': async () => {
    const workerData: FaultingWork = { good: address, bad: beyond, rounds: 500 };
    const file = new URL('faulting-thread.js', import.meta.url);
    const workers = Array.from({ length: 6 }, () => new Worker(file, { workerData }));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const reports = workers.map((worker) => once(worker, 'message'));
    for (const worker of workers) worker.postMessage('go', []);
    console.log(JSON.stringify((await Promise.all(reports)).flat()));
    engineOrEnd();
    console.log(new Uint8Array(memoryAt(beyond, page))[0]);
  },
  /** RLIMIT_NOFILE (7) of 3: memfd_create has no descriptor left. */
  'no descriptors': () => {
    const limit = Buffer.alloc(16);
    limit.writeBigUInt64LE(3n, 0);
    limit.writeBigUInt64LE(3n, 8);
    koffi.load(null).func('setrlimit', 'int', ['int', 'void *'])(7, limit);
    engineOrEnd();
    console.log('got one');
  },
  /** A seccomp filter that refuses mmap of executable memory with EACCES, as a strict SELinux policy does. */
  'no executable memory': () => {
    const mmapNumber = process.arch === 'x64' ? 9 : 222;
    // linux/bpf_common.h: load a word of struct seccomp_data, jump, return; args[2] (prot) is at 32.
    const filter = Buffer.concat([
      instruction(0x20, 0, 0, 0),
      instruction(0x15, 0, 3, mmapNumber),
      instruction(0x20, 0, 0, 32),
      instruction(0x45, 0, 1, 4),
      instruction(0x06, 0, 0, 0x00050000 | 13),
      instruction(0x06, 0, 0, 0x7fff0000),
    ]);
    const program = Buffer.alloc(16);
    program.writeUInt16LE(filter.length / 8, 0);
    program.writeBigUInt64LE(koffi.address(filter), 8);
    const prctl = koffi.load(null).func('prctl', 'int', ['int', 'ulong', 'void *', 'ulong', 'ulong']);
    prctl(38, 1, null, 0, 0); // PR_SET_NO_NEW_PRIVS
    if (prctl(22, 2, program, 0, 0) !== 0) {
      console.log('no seccomp'); // PR_SET_SECCOMP
      return;
    }
    engineOrEnd();
    console.log('got one');
  },
};

function instruction(code: number, yes: number, no: number, operand: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt8(yes, 2);
  bytes.writeUInt8(no, 3);
  bytes.writeUInt32LE(operand, 4);
  return bytes;
}

await acts[process.argv[2] ?? '']?.();
