import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deviceView, open, PAGE, refusal } from './dma-fixture.js';

describe('a buffer', () => {
  test('is a space: exact widths, bounds, alignment, the journal', () => {
    const { device } = open();
    const ring = device.dma.alloc('ring', PAGE);
    ring.write64(0, 0x1122334455667788n);
    ring.write16(8, 0xabcd);
    ring.write8(10, 0xef);
    assert.deepEqual([ring.read8(0), ring.read16(0), ring.read32(4)], [0x88, 0x7788, 0x11223344]);
    assert.equal(ring.read64(8), 0xefabcdn);
    const entries = [...device.journal.entries()].filter(({ kind }) => kind === 'read' || kind === 'write');
    assert.deepEqual(
      entries.map((entry) => 'space' in entry && [entry.kind, entry.space, entry.offset, entry.width]),
      [
        ['write', 'ring', 0, 64],
        ['write', 'ring', 8, 16],
        ['write', 'ring', 10, 8],
        ['read', 'ring', 0, 8],
        ['read', 'ring', 0, 16],
        ['read', 'ring', 4, 32],
        ['read', 'ring', 8, 64],
      ],
    );
    assert.match(refusal(() => ring.read32(2)).message, /not aligned/);
    assert.match(refusal(() => ring.read32(PAGE)).message, /past the end: ring has 0x1000 bytes/);
    assert.match(refusal(() => ring.write8(0, 256)).message, /does not fit 8 bits/);
    assert.match(refusal(() => ring.write32(-4, 0)).message, /no whole number/);
    const shape = { offset: 0x100, width: 16, count: 4, stride: 4 } as const;
    ring.writeBlock(shape, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    assert.deepEqual([...ring.readBlock(shape).bytes], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(ring.read32(0x104), 0x0403);
    assert.deepEqual(ring.poll(32, 0x104, { mask: 0xffn, want: 3n, iterations: 5 }), {
      matched: true,
      value: 0x0403n,
      iterations: 1,
    });
    assert.deepEqual(
      device.dma.buffers.map(({ name }) => name),
      ['ring'],
    );
    device.close();
  });

  test('begins as zeros, also in memory that was used before', () => {
    const { device } = open();
    for (let round = 0; round < 3; round += 1) {
      const one = device.dma.alloc('one', PAGE);
      assert.ok(one.u8.every((byte) => byte === 0));
      one.write64(8, 0xffffffffffffffffn);
      assert.deepEqual(one.check(), []);
      one.free();
      const two = device.dma.alloc('two', PAGE);
      two.writeBlock({ offset: 0, width: 64, count: PAGE / 8 }, new Uint8Array(PAGE).fill(0x5a));
      two.free();
    }
    device.close();
  });

  test('keeps its memory while it is unmapped, and is mapped elsewhere', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', PAGE, { guard: true });
    ring.write32(0, 5);
    ring.unmap();
    assert.equal(ring.iova, undefined);
    assert.equal(ring.read32(0), 5);
    assert.match(refusal(() => ring.unmap()).message, /it is not mapped/);
    assert.equal(device.dma.map(ring, { iova: 0x800000n, prot: 'r' }), ring);
    assert.equal(ring.iova, 0x800000n);
    assert.equal(transport.made.get(0x7ff000n)?.writable, false);
    assert.match(refusal(() => device.dma.map(ring)).message, /it is mapped at 0x7ff000\.\.0x802000/);
    ring.free();
    assert.match(refusal(() => device.dma.map(ring)).message, /was freed/);
    device.close();
  });

  test('is disposed of in reverse order', () => {
    const { device, transport } = open();
    const order: bigint[] = [];
    const unmap = transport.dmaUnmap.bind(transport);
    transport.dmaUnmap = (iova) => {
      order.push(iova);
      unmap(iova);
    };
    {
      using a = device.dma.alloc('a', PAGE);
      using b = device.dma.alloc('b', PAGE);
      assert.ok((a.iova ?? 0n) < (b.iova ?? 0n));
    }
    assert.deepEqual(order, [0x101000n, 0x100000n]);
    device.close();
  });

  test('gives plain arrays that outlive it', () => {
    const { device } = open();
    const ring = device.dma.alloc('ring', 2 * PAGE, { guard: true });
    const { u8, u16, u32, u64 } = ring;
    assert.deepEqual([u8.length, u16.length, u32.length, u64.length], [8192, 4096, 2048, 1024]);
    u32[1] = 0xdeadbeef;
    assert.equal(ring.read32(4), 0xdeadbeef);
    assert.equal(u64[0], 0xdeadbeef00000000n);
    ring.free();
    device.close();
    u8.fill(1);
    assert.equal(u16[0], 0x0101);
  });
});

describe('what the device changed', () => {
  test('is told once, with what it was and is, and without what this program wrote', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', 4 * PAGE);
    ring.write32(0x10, 0x01020304);
    assert.deepEqual(ring.check(), []);
    const seen = deviceView(transport, 0x100000n, 4 * PAGE);
    seen.set([9, 9, 3, 9], 0x10);
    seen.fill(0xee, 0x2000, 0x2100);
    seen[0x3fff] = 1;
    ring.write8(0x3000, 7);
    const runs = ring.check();
    assert.deepEqual(
      runs.map(({ offset, length, where }) => [offset, length, where]),
      [
        [0x10, 4, 'buffer'],
        [0x2000, 0x100, 'buffer'],
        [0x3fff, 1, 'buffer'],
      ],
    );
    assert.deepEqual([...(runs[0]?.old ?? [])], [4, 3, 2, 1]);
    assert.deepEqual([...(runs[0]?.new ?? [])], [9, 9, 3, 9]);
    assert.equal(runs[1]?.new.length, 16);
    assert.deepEqual(ring.check(), []);
    device.close();
  });

  test('is found in the guards too, which hold poison', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', PAGE, { guard: true });
    assert.deepEqual(ring.check(), []);
    const seen = deviceView(transport, (ring.iova ?? 0n) - 0x1000n, 3 * PAGE);
    const words = new Uint32Array(seen.buffer);
    assert.equal(words[0], 0xbad00000);
    assert.equal(words[(2 * PAGE) / 4 + 1], 0xbad00004);
    assert.ok(seen.subarray(PAGE, 2 * PAGE).every((byte) => byte === 0));
    seen[PAGE - 1] = 0;
    seen[2 * PAGE] = 0x55;
    assert.deepEqual(
      ring.check().map(({ offset, length, where, old }) => [offset, length, where, old[0]]),
      [
        [-1, 1, 'guard in front', 0xba],
        [PAGE, 1, 'guard behind', 0x00],
      ],
    );
    // Its own offsets know no guards; the device's addresses do.
    assert.match(refusal(() => ring.read8(PAGE)).message, /past the end/);
    const iova = device.findSpace('iova');
    assert.equal(iova?.read(8, Number(ring.iova) + PAGE), 0x55);
    iova?.write(32, Number(ring.iova) - 4, 1);
    assert.deepEqual(ring.check(), []);
    device.close();
  });

  test('is told across the pieces that a large buffer is kept in, of any size', () => {
    const { device, transport } = open();
    const size = 5 * 2 ** 30;
    const large = device.dma.alloc('large', size);
    const piece = 2 ** 20;
    large.writeBlock({ offset: piece - 16, width: 64, count: 4 }, new Uint8Array(32).fill(1));
    large.write32(size - 4, 5);
    assert.match(refusal(() => large.u8).message, /an array has 4 GiB at the most/);
    // Only the beginning: looking at all of it would make all of it.
    const [first = [], second = []] = large.checking();
    assert.deepEqual([first, second], [[], []]);
    deviceView(transport, large.iova ?? 0n, 2 * piece).fill(2, piece - 4, piece + 4);
    const runs: number[][] = [];
    for (const changes of large.checking()) {
      runs.push(...changes.map(({ offset, length }) => [offset, length]));
      if (runs.length === 2) break;
    }
    assert.deepEqual(runs, [
      [piece - 4, 4],
      [piece, 4],
    ]);
    device.close();
  });

  test('is not a write of this program by any of its ways', () => {
    const { device } = open();
    const ring = device.dma.alloc('ring', PAGE);
    ring.write8(1, 1);
    ring.write16(2, 2);
    ring.write64(8, 8n);
    ring.writeBlock({ offset: 0x100, width: 32, count: 3, stride: 8 }, new Uint8Array(12).fill(3));
    device.findSpace('iova')?.write(32, 0x100200, 4);
    assert.deepEqual(ring.check(), []);
    ring.u8[0x300] = 1;
    assert.equal(ring.check().length, 1, 'plain arrays are the exception');
    device.close();
  });
});
