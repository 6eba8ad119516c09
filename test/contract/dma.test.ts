import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';
import { setBusMaster } from '../../src/vfio/dma/bus-master.js';
import '../../src/vfio/dma/dma.js';
import { openDevice } from '../../src/vfio/open.js';
import { dmaContract } from './dma-contract.js';

const openFds = (): number => readdirSync('/proc/self/fd').length;

dmaContract({ name: 'sim:edu', open: () => openDevice('sim:edu'), large: 2 ** 30 });

test('memory without a file, an array of JavaScript, is reached by messages', async () => {
  const device = await openDevice('sim:edu');
  const array = new Uint8Array(runInThisContext('new WebAssembly.Memory({ initial: 1 }).buffer') as ArrayBuffer);
  const { iova } = device.dma.map(array, { low: true });
  assert.ok(iova !== undefined);
  setBusMaster(device, true);
  array.fill(0x5a, 0, 64);
  const bar = device.region(0);
  for (const [source, destination, command] of [
    [iova, 0x40000n, 1n],
    [0x40000n, iova + 0x8000n, 3n],
  ] as const) {
    bar.write64(0x80, source);
    bar.write64(0x88, destination);
    bar.write64(0x90, 64n);
    bar.write64(0x98, command);
    while ((bar.read64(0x98) & 1n) !== 0n) await pause(10);
  }
  assert.ok(array.subarray(0x8000, 0x8040).every((byte) => byte === 0x5a));
  assert.equal(array[0x8040], 0);
  device.close();
});

test('a thousand buffers take a few descriptors, on this side and on the server of the simulator', async () => {
  const device = await openDevice('sim:edu');
  const before = openFds();
  for (let index = 0; index < 1000; index += 1) device.dma.alloc(`b${index}`, 4096);
  assert.ok(openFds() - before < 20, `${openFds() - before} descriptors`);
  for (const buffer of device.dma.buffers) buffer.free();
  device.close();
});
