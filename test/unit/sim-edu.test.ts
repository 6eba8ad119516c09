import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../src/vfio/sim/edu.js';
import type { Registers } from '../../src/vfio/sim/model.js';
import { FakeHost } from './sim-host.js';

const INTX = 0;
const MSI = 1;
const LIVE = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const IRQ_STATUS = 0x24;
const RAISE = 0x60;
const ACK = 0x64;
const DMA = { source: 0x80, destination: 0x88, count: 0x90, command: 0x98 };
const BUFFER = 0x40000n;

function edu(): { host: FakeHost; bar: Registers } {
  const host = new FakeHost();
  const region = createModel(host).regions[0];
  assert.equal(region?.kind, 'registers');
  return { host, bar: region.registers };
}

/** Programs a transfer and lets it finish. */
async function transfer(
  { host, bar }: ReturnType<typeof edu>,
  source: bigint,
  destination: bigint,
  count: bigint,
  command: bigint,
): Promise<void> {
  bar.write(DMA.source, 8, source);
  bar.write(DMA.destination, 8, destination);
  bar.write(DMA.count, 8, count);
  bar.write(DMA.command, 8, command);
  await host.advance(100);
}

test('identification is 0x010000ed and cannot be written', () => {
  const { bar } = edu();
  bar.write(0, 4, 0n);
  assert.equal(bar.read(0, 4), 0x010000edn);
});

test('the liveness register gives back what was written, inverted', () => {
  const { bar } = edu();
  bar.write(LIVE, 4, 0x12345678n);
  assert.equal(bar.read(LIVE, 4), 0xedcba987n);
});

// Seen on QEMU 7.2's device behind vfio-pci, by load and store from its mapping and by pread and pwrite.
test('widths: 4 below 0x80, 4 and 8 from there on; other wide ones read as ones, narrow ones as zeros', () => {
  const { bar } = edu();
  assert.equal(bar.read(0, 8), 0xffffffffffffffffn);
  assert.equal(bar.read(0, 1), 0n);
  assert.equal(bar.read(0, 2), 0n);
  assert.equal(bar.read(0x60, 4), 0xffffffffn);
  assert.equal(bar.read(0x84, 4), 0xffffffffn);
  assert.equal(bar.read(0xa0, 8), 0xffffffffffffffffn);
  assert.equal(bar.read(0x40000, 4), 0xffffffffn);
  bar.write(LIVE, 4, 0x12345678n);
  bar.write(LIVE, 1, 0n);
  bar.write(LIVE, 2, 0n);
  bar.write(LIVE, 8, 0n);
  assert.equal(bar.read(LIVE, 4), 0xedcba987n);
  bar.write(DMA.source, 8, 0x1122334455667788n);
  assert.equal(bar.read(DMA.source, 8), 0x1122334455667788n);
  assert.equal(bar.read(DMA.source, 4), 0x55667788n);
  bar.write(DMA.source, 4, 0xaabbccddn);
  assert.equal(bar.read(DMA.source, 8), 0xaabbccddn);
});

test('the factorial is computed modulo 2^32, with the computing bit set until it is there', async () => {
  const { host, bar } = edu();
  for (const [n, result] of [
    [0n, 1n],
    [5n, 120n],
    [13n, 0x7328cc00n],
    [34n, 0n],
  ] as const) {
    bar.write(FACTORIAL, 4, n);
    assert.equal(bar.read(STATUS, 4), 1n);
    assert.equal(bar.read(FACTORIAL, 4), n);
    await host.advance(1);
    assert.equal(bar.read(STATUS, 4), 0n);
    assert.equal(bar.read(FACTORIAL, 4), result);
  }
});

test('a write to the factorial while it computes is lost', async () => {
  const { host, bar } = edu();
  bar.write(FACTORIAL, 4, 0xffffffffn);
  bar.write(FACTORIAL, 4, 5n);
  await host.advance(5000);
  assert.equal(bar.read(FACTORIAL, 4), 0n);
});

test('the factorial interrupts when status bit 7 asks for it, and only then', async () => {
  const { host, bar } = edu();
  bar.write(FACTORIAL, 4, 3n);
  await host.advance(1);
  assert.equal(host.levels.get(INTX), undefined);
  bar.write(STATUS, 4, 0xffffffffn);
  assert.equal(bar.read(STATUS, 4), 0x80n);
  bar.write(FACTORIAL, 4, 3n);
  await host.advance(1);
  assert.equal(host.levels.get(INTX), true);
  assert.equal(bar.read(IRQ_STATUS, 4), 1n);
});

test('INTx stays up until every status bit is acknowledged', () => {
  const { host, bar } = edu();
  bar.write(RAISE, 4, 0x6n);
  assert.equal(host.levels.get(INTX), true);
  assert.equal(bar.read(IRQ_STATUS, 4), 6n);
  bar.write(ACK, 4, 2n);
  assert.equal(host.levels.get(INTX), true);
  bar.write(ACK, 4, 4n);
  assert.equal(host.levels.get(INTX), false);
  assert.deepEqual(host.signals, []);
});

test('with MSI enabled every raise is one message, and the line stays down', () => {
  const { host, bar } = edu();
  host.enabledIrqs.add(MSI);
  bar.write(RAISE, 4, 1n);
  bar.write(RAISE, 4, 1n);
  assert.deepEqual(host.signals, ['1:0', '1:0']);
  assert.notEqual(host.levels.get(INTX), true);
});

test('DMA goes both ways, takes 100 ms, and interrupts only if asked', async () => {
  const device = edu();
  const { host, bar } = device;
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
  host.map(0x1000n, bytes);
  host.map(0x2000n, new Uint8Array(64));
  bar.write(DMA.source, 8, 0x1000n);
  bar.write(DMA.destination, 8, BUFFER + 0x10n);
  bar.write(DMA.count, 8, 64n);
  bar.write(DMA.command, 8, 0n);
  assert.equal(bar.read(DMA.command, 8), 0n, 'a command without the run bit is ignored');
  bar.write(DMA.command, 8, 1n);
  await host.advance(99);
  assert.equal(bar.read(DMA.command, 8), 1n);
  bar.write(DMA.source, 8, 0n);
  assert.equal(bar.read(DMA.source, 8), 0x1000n, 'nothing can be changed while it runs');
  await host.advance(1);
  assert.equal(bar.read(DMA.command, 8), 0n);
  assert.equal(bar.read(IRQ_STATUS, 4), 0n);
  await transfer(device, BUFFER + 0x10n, 0x2000n, 64n, 7n);
  assert.equal(bar.read(DMA.command, 8), 6n);
  assert.equal(bar.read(IRQ_STATUS, 4), 0x100n);
  assert.deepEqual(await host.dmaRead(0x2000n, 64), bytes);
});

test('DMA addresses have 28 bits', async () => {
  const device = edu();
  device.host.map(0x3000n, Uint8Array.of(7));
  device.host.map(0x4000n, Uint8Array.of(0));
  await transfer(device, 0xf0003000n, BUFFER, 1n, 1n);
  await transfer(device, BUFFER, 0x4000n, 1n, 3n);
  assert.deepEqual(await device.host.dmaRead(0x4000n, 1), Uint8Array.of(7));
});

test('DMA from memory that is not mapped brings zeros, as behind an IOMMU, and ends all the same', async () => {
  const device = edu();
  device.host.map(0x1000n, Uint8Array.of(9));
  await transfer(device, 0x1000n, BUFFER, 1n, 1n);
  await transfer(device, 0x9000n, BUFFER, 1n, 5n);
  assert.equal(device.bar.read(DMA.command, 8), 4n);
  assert.equal(device.bar.read(IRQ_STATUS, 4), 0x100n);
  await transfer(device, BUFFER, 0x1000n, 1n, 3n);
  assert.deepEqual(await device.host.dmaRead(0x1000n, 1), Uint8Array.of(0));
});

test('DMA outside of the buffer moves nothing', async () => {
  const device = edu();
  device.host.map(0x1000n, Uint8Array.of(9, 9, 9, 9));
  for (const source of [0n, BUFFER - 1n, BUFFER + 4093n, 0xffffffffffffffffn]) {
    await transfer(device, source, 0x1000n, 4n, 3n);
    assert.equal(device.bar.read(DMA.command, 8), 2n);
  }
  assert.deepEqual(await device.host.dmaRead(0x1000n, 4), Uint8Array.of(9, 9, 9, 9));
});
