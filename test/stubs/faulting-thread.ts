/**
 * A worker of test/unit/access-engine.test.ts: on 'go' it makes `rounds` refused and `rounds` good accesses, each
 * beside those of its fellows, and posts how many came out as they should.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { accessEngine } from '../../src/vfio/sys/access-engine.js';

/** `good` is memory that holds a 32-bit and a 64-bit value, `bad` an address that answers with SIGBUS. */
export interface FaultingWork {
  readonly good: number;
  readonly bad: number;
  readonly rounds: number;
}

export interface FaultingReport {
  readonly refused: number;
  readonly done: number;
}

const { good, bad, rounds }: FaultingWork = workerData;

parentPort?.once('message', () => {
  const choice = accessEngine();
  assert.ok('engine' in choice, 'the thread has an engine');
  const { engine } = choice;
  const expected = engine.read64(good);
  let refused = 0;
  let done = 0;
  for (let round = 0; round < rounds; round++) {
    const address = bad + 8 * (round % 100);
    if (engine.read32(address) > 0xffffffff && engine.lastFault().address === BigInt(address)) refused += 1;
    if (engine.read64(good) === expected) done += 1;
  }
  parentPort?.postMessage({ refused, done } satisfies FaultingReport, []);
});
parentPort?.postMessage('ready', []);
