import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { Device } from '../../src/vfio/device.js';
import { setBusMaster } from '../../src/vfio/dma/bus-master.js';
import '../../src/vfio/dma/dma.js';
import { VfioError } from '../../src/vfio/errors.js';

/** How an edu device is opened; each test opens it anew. */
export interface DmaSubject {
  readonly name: string;
  readonly open: () => Promise<Device>;
  /** Bytes of the largest single mapping that is tried. */
  readonly large: number;
}

const PAGE = 4096;

/** Registers of edu's DMA engine in BAR0, and its own buffer. */
const SOURCE = 0x80;
const DESTINATION = 0x88;
const COUNT = 0x90;
const COMMAND = 0x98;
const EDU_BUFFER = 0x40000n;
const RUN = 1n;
const TO_MEMORY = 2n;

/** Lets the engine move `count` bytes and waits until it is done. */
async function transfer(device: Device, source: bigint, destination: bigint, count: number): Promise<void> {
  const bar = device.region(0);
  bar.write64(SOURCE, source);
  bar.write64(DESTINATION, destination);
  bar.write64(COUNT, BigInt(count));
  bar.write64(COMMAND, source === EDU_BUFFER ? RUN | TO_MEMORY : RUN);
  for (let tries = 0; (bar.read64(COMMAND) & RUN) !== 0n; tries += 1) {
    assert.ok(tries < 1000, 'the engine does not come to an end');
    await pause(10);
  }
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed) & 0xff);
}

function put(device: Device, name: string, offset: number, bytes: Uint8Array): void {
  device.dma.find(name).writeBlock({ offset, width: 8, count: bytes.length }, bytes);
}

function take(device: Device, name: string, offset: number, count: number): Uint8Array {
  return device.dma.find(name).readBlock({ offset, width: 8, count }).bytes;
}

/** What DMA promises on every way in, with an edu device's engine as the witness. */
export function dmaContract({ name, open, large }: DmaSubject): void {
  const withEdu = (body: (device: Device) => unknown) => async () => {
    const device = await open();
    try {
      setBusMaster(device, true);
      await body(device);
    } finally {
      device.close();
    }
  };

  describe(`DMA: ${name}`, () => {
    test('nothing is mapped by opening, and bus mastering is off until it is switched on', async () => {
      const device = await open();
      assert.equal(device.dma.count, 0);
      assert.equal(device.readBusMaster(), false);
      assert.equal(setBusMaster(device, true), false);
      assert.equal(device.readBusMaster(), true);
      assert.equal(setBusMaster(device, false), true);
      device.close();
    });

    test(
      'what is in a buffer gets to the device and back, at the bytes that were named',
      withEdu(async (device) => {
        const source = device.dma.alloc('source', 4 * PAGE, { low: true, prot: 'r' });
        const target = device.dma.alloc('target', 4 * PAGE, { low: true, prot: 'w', guard: true });
        const bytes = pattern(0x321, 5);
        put(device, 'source', 0x1003, bytes);
        await transfer(device, source.iova! + 0x1003n, EDU_BUFFER, bytes.length);
        await transfer(device, EDU_BUFFER, target.iova! + 0x2ff5n, bytes.length);
        assert.deepEqual(take(device, 'target', 0x2ff5, bytes.length), bytes);
        const changes = target.check();
        assert.ok(changes.every(({ where }) => where === 'buffer'));
        assert.equal(changes[0]?.offset, 0x2ff5);
        assert.ok(changes.every(({ offset, length }) => offset + length <= 0x2ff5 + bytes.length));
        assert.deepEqual(source.check(), []);
      }),
    );

    test(
      'a write past the end is caught by the guard',
      withEdu(async (device) => {
        const ring = device.dma.alloc('ring', PAGE, { low: true, guard: true });
        put(device, 'ring', 0, pattern(256, 1));
        await transfer(device, ring.iova!, EDU_BUFFER, 256);
        await transfer(device, EDU_BUFFER, ring.iova! + BigInt(PAGE) - 128n, 256);
        assert.deepEqual(
          ring.check().map(({ where }) => where),
          ['buffer', 'guard behind'],
        );
        assert.deepEqual(ring.check(), []);
      }),
    );

    test(
      'what was unmapped is out of reach, and its memory is as it was',
      withEdu(async (device) => {
        const ring = device.dma.alloc('ring', PAGE, { low: true });
        put(device, 'ring', 0, pattern(64, 9));
        const iova = ring.iova!;
        await transfer(device, iova, EDU_BUFFER, 64);
        ring.unmap();
        await transfer(device, EDU_BUFFER, iova + 0x100n, 64);
        assert.deepEqual(ring.check(), []);
        device.dma.map(ring, { iova });
        await transfer(device, EDU_BUFFER, iova + 0x100n, 64);
        assert.deepEqual(take(device, 'ring', 0x100, 64), pattern(64, 9));
      }),
    );

    test(
      'an array of a buffer, mapped again, is the same memory at two addresses',
      withEdu(async (device) => {
        const ring = device.dma.alloc('ring', 2 * PAGE, { low: true });
        const again = device.dma.map(ring.u8.subarray(PAGE), { low: true });
        assert.notEqual(again.iova, ring.iova! + BigInt(PAGE));
        ring.u8.set(pattern(32, 3));
        await transfer(device, ring.iova!, EDU_BUFFER, 32);
        await transfer(device, EDU_BUFFER, again.iova!, 32);
        assert.deepEqual(take(device, 'ring', PAGE, 32), pattern(32, 3));
      }),
    );

    test(
      `${large >> 20} MiB are one mapping, and the device reaches the end of it`,
      withEdu(async (device) => {
        const before = device.dma.limits().entriesLeft;
        const buffer = device.dma.alloc('large', large);
        if (before !== undefined) assert.equal(device.dma.limits().entriesLeft, before - 1);
        assert.equal(device.dma.count, 1);
        // edu has 28 address bits: the largest stretch that it reaches.
        const reach = Math.min(large, 2 ** 28 - Number(buffer.iova));
        put(device, 'large', 0, pattern(64, 7));
        await transfer(device, buffer.iova!, EDU_BUFFER, 64);
        await transfer(device, EDU_BUFFER, buffer.iova! + BigInt(reach - 64), 64);
        assert.deepEqual(take(device, 'large', reach - 64, 64), pattern(64, 7));
        buffer.write8(large - 1, 1);
        assert.equal(device.findSpace('iova')?.read(8, Number(buffer.iova) + large - 1), 1);
      }),
    );

    test(
      'what was refused half way leaves the ledger as the other side has it',
      withEdu(async (device) => {
        const { transport } = device;
        for (let index = 0; index < 20; index += 1) device.dma.alloc(`b${index}`, PAGE, { low: true });
        // Behind the ledger's back, where the next buffer would go.
        const next = device.dma.find('b19').iova! + BigInt(PAGE);
        const { memory } = device.dma.find('b0');
        assert.ok(memory !== undefined);
        const { address, fd, fdOffset } = memory;
        transport.dmaMap({ iova: next, size: PAGE, readable: true, writable: true, address, fd, fdOffset });
        for (const other of ['c0', 'c1']) assert.throws(() => device.dma.alloc(other, PAGE, { low: true }), VfioError);
        assert.equal(device.dma.count, 20);
        assert.equal(device.findSpace('c0'), undefined);
        transport.dmaUnmap(next, PAGE);
        assert.equal(device.dma.alloc('c0', PAGE, { low: true }).iova, next);
        // And one that the other side has lost: it stays, since nobody knows that it is gone.
        const lost = device.dma.find('b3');
        transport.dmaUnmap(lost.iova!, PAGE);
        assert.throws(() => lost.free(), VfioError);
        assert.equal(device.dma.neighbours(lost.iova!).at?.name, 'b3');
        assert.equal(lost.read8(0), 0);
      }),
    );

    test('after the close everything can be mapped again at the same places', async () => {
      for (let round = 0; round < 2; round += 1) {
        const device = await open();
        const ring = device.dma.alloc('ring', 16 * PAGE, { iova: 0x200000n, guard: true });
        assert.equal(device.dma.alloc('tx', PAGE).iova, 0x100000n);
        assert.equal(ring.iova, 0x200000n);
        device.close();
        assert.equal(ring.iova, undefined);
      }
    });
  });
}
