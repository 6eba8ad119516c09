import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/index.js';
import { memoryAt } from '../../src/vfio/sys/libc.js';
import { DmaTransport } from './dma-transport.js';

const PAGE = 4096;
const folder = mkdtempSync('/dev/shm/vfiodbg-test-');
after(() => rmSync(folder, { recursive: true }));

function open(): { device: Device; transport: DmaTransport } {
  const transport = new DmaTransport();
  return { device: new Device(transport), transport };
}

function refusal(body: () => unknown): VfioError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof VfioError, String(error));
    return error;
  }
  return assert.fail('it was not refused');
}

/** The device's own view of a buffer's memory, behind this program's back. */
function deviceView(transport: DmaTransport, iova: bigint, size: number): Uint8Array {
  const mapping = transport.made.get(iova);
  assert.ok(mapping !== undefined && size <= mapping.size);
  return new Uint8Array(memoryAt(mapping.address, size));
}

function fdsOf(name: string): number {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/memfd:${name}`)).length;
}

describe('the ledger of a device', () => {
  test('has what was mapped, and nothing of what was refused', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', 16 * PAGE);
    transport.refuseMap = 'ENOMEM';
    assert.equal(refusal(() => device.dma.alloc('tx', PAGE)).details.errno, 'ENOMEM');
    assert.equal(refusal(() => device.dma.alloc('large', 2 ** 20)).details.errno, 'ENOMEM');
    transport.refuseMap = undefined;
    assert.deepEqual(
      [...device.dma.mappings].map(({ name }) => name),
      ['ring'],
    );
    assert.deepEqual([device.dma.count, device.dma.bytes], [1, 16 * PAGE]);
    assert.equal(device.findSpace('tx'), undefined);
    assert.equal(device.dma.has('tx'), false);
    assert.equal(fdsOf('vfiodbg-large'), 0);
    // The name and the address are free again.
    assert.equal(device.dma.alloc('tx', PAGE).iova, (ring.iova ?? 0n) + BigInt(16 * PAGE));
    device.close();
  });

  test('keeps what could not be unmapped, with its memory and its name', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', PAGE);
    transport.refuseUnmap = 'EBUSY';
    for (const act of [() => ring.unmap(), () => ring.free(), () => ring[Symbol.dispose]()]) {
      assert.equal(refusal(act).details.errno, 'EBUSY');
      assert.equal(device.dma.count, 1);
      assert.equal(ring.iova, 0x100000n);
      ring.write32(0, 7);
    }
    transport.refuseUnmap = undefined;
    ring.free();
    assert.equal(device.dma.count, 0);
    assert.equal(transport.made.size, 0);
    assert.match(refusal(() => ring.read32(0)).message, /the buffer was freed/);
    assert.equal(device.findSpace('ring'), undefined);
    device.close();
  });

  test('tells the kernel what it says: address, size, permissions, guards included', () => {
    const { device, transport } = open();
    const buffer = device.dma.alloc('rx', 2 * PAGE, { prot: 'w', guard: true, iova: 0x400000n });
    const [mapping] = transport.made.values();
    assert.deepEqual(
      [mapping?.iova, mapping?.size, mapping?.readable, mapping?.writable],
      [0x3ff000n, 4 * PAGE, false, true],
    );
    assert.deepEqual(buffer.mapping && { ...buffer.mapping, buffer: undefined }, {
      name: 'rx',
      iova: 0x3ff000n,
      size: 4 * PAGE,
      prot: 'w',
      kind: 'buffer',
      guard: PAGE,
      buffer: undefined,
    });
    device.close();
  });

  test('is empty after the close, and memory is given back only when the transport is closed', () => {
    const { device, transport } = open();
    const large = device.dma.alloc('large', 2 ** 20);
    let left = 0;
    transport.closing = () => {
      left = fdsOf('vfiodbg-large');
    };
    device.close();
    assert.equal(left, 1, 'a server may ask for the memory by messages until then');
    assert.equal(large.iova, undefined);
    assert.equal(fdsOf('vfiodbg-large'), 0);
    assert.match(refusal(() => large.read32(0)).message, /the device is closed/);
    device.close();
  });

  test('counts entries down before the kernel is asked', () => {
    const { device, transport } = open();
    transport.limits = { ...transport.limits, entriesLeft: 2 };
    device.dma.alloc('a', PAGE);
    const b = device.dma.alloc('b', PAGE);
    transport.refuseMap = 'it was asked';
    assert.match(refusal(() => device.dma.alloc('c', PAGE)).details.why, /all 2 mappings .* are in use/);
    transport.refuseMap = undefined;
    b.free();
    device.dma.alloc('c', PAGE);
    device.close();
  });

  test('refuses sizes that are no pages, names that are taken or none, and more than there is', () => {
    const { device } = open();
    device.dma.alloc('ring', PAGE);
    const why = (name: string, size: number): string => refusal(() => device.dma.alloc(name, size)).details.why;
    assert.match(why('ring', PAGE), /the name ring is taken/);
    assert.match(why('region0', PAGE), /taken/);
    assert.match(why('iova', PAGE), /taken/);
    assert.match(why('9', PAGE), /begins with a letter/);
    for (const size of [0, 1, 4097, -4096, 1.5, Number.NaN]) assert.match(why('x', size), /not whole pages/);
    assert.match(why('x', 2 ** 46), /the machine has \d+ MiB left/);
    assert.equal(device.dma.count, 1);
    device.close();
  });

  test('is held back in a dry run, and refused where the session is read-only', async () => {
    const { device, transport } = open();
    const kept = device.dma.alloc('kept', PAGE);
    const plan = await device.gate.dryRun(() => {
      assert.throws(() => device.dma.alloc('ring', PAGE), /dry run/);
      kept.free();
    });
    assert.deepEqual(
      plan.map(({ action, text }) => `${action}: ${text}`),
      ['dma: map ring, 4 KiB at IOVA 0x101000..0x102000, rw', 'dma: unmap kept, 4 KiB at IOVA 0x100000..0x101000'],
    );
    assert.equal(transport.made.size, 1);
    assert.equal(device.findSpace('ring'), undefined);
    device.readOnly = true;
    assert.equal(refusal(() => device.dma.alloc('ring', PAGE)).kind, 'readonly');
    assert.equal(refusal(() => kept.free()).kind, 'readonly');
    assert.equal(refusal(() => kept.write32(0, 1)).kind, 'readonly');
    assert.equal(kept.read32(0), 0);
    device.readOnly = false;
    device.close();
  });
});

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

describe('the space iova', () => {
  test('reaches the bytes by the address that the device uses, across mappings that touch', () => {
    const { device } = open();
    const a = device.dma.alloc('a', PAGE);
    const b = device.dma.alloc('b', PAGE);
    const iova = device.findSpace('iova');
    assert.ok(iova !== undefined);
    a.write64(PAGE - 8, 0x1111111111111111n);
    iova.write(64, 0x101000, 0x2222222222222222n);
    assert.equal(b.read64(0), 0x2222222222222222n);
    const block = iova.readBlock({ offset: 0x100ff8, width: 64, count: 2 });
    assert.deepEqual([block.bytes[0], block.bytes[8], block.faults.length], [0x11, 0x22, 0]);
    iova.writeBlock({ offset: 0x100ffc, width: 32, count: 2 }, Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0));
    assert.deepEqual([a.read32(PAGE - 4), b.read32(0)], [1, 2]);
    device.close();
  });

  test('names the mappings on both sides of what is not mapped', () => {
    const { device } = open();
    const iova = device.dma && device.findSpace('iova');
    assert.match(refusal(() => iova?.read(32, 0x1000)).message, /nothing is mapped there: nothing is mapped/);
    device.dma.alloc('low', PAGE, { iova: 0x10000n });
    device.dma.alloc('high', PAGE, { iova: 0x30000n });
    assert.match(
      refusal(() => iova?.read(32, 0x20000)).message,
      /0xf000 past the end of low \(0x10000\.\.0x11000\) and 0x10000 before high \(0x30000\.\.0x31000\)/,
    );
    const block = iova?.readBlock({ offset: 0x10ff8, width: 32, count: 4 });
    assert.deepEqual(
      block?.faults.map(({ index, count }) => [index, count]),
      [[2, 2]],
    );
    assert.match(
      refusal(() => iova?.writeBlock({ offset: 0x10ffc, width: 32, count: 2 }, new Uint8Array(8))).message,
      /iova\+0x11000/,
    );
    device.close();
  });
});

describe('a file', () => {
  const path = join(folder, 'firmware.bin');

  test('is mapped for reading unless said otherwise, to its end and no further', () => {
    writeFileSync(path, Buffer.alloc(5000, 0x11));
    const { device, transport } = open();
    const firmware = device.dma.mapFile(path);
    assert.equal(firmware.name, 'firmware');
    assert.deepEqual([firmware.size, firmware.kind, firmware.mapping?.size], [5000, 'file', 8192]);
    assert.equal(transport.made.get(0x100000n)?.writable, false);
    assert.equal(firmware.read8(4999), 0x11);
    assert.match(refusal(() => firmware.read8(5000)).message, /past the end/);
    assert.match(refusal(() => firmware.write8(0, 1)).message, /opened for reading only/);
    assert.match(refusal(() => firmware.u8).message, /a file can be shortened/);
    assert.deepEqual(firmware.check(), []);
    device.close();
  });

  test('is written to where the device may', () => {
    writeFileSync(path, Buffer.alloc(8192, 0x22));
    const { device } = open();
    const file = device.dma.mapFile(path, { prot: 'rw', name: 'blob' });
    file.write32(4, 0x33333333);
    assert.equal(readFileSync(path).readUInt32LE(4), 0x33333333);
    device.close();
  });

  test('that is shortened is a fault with its place, not the end', () => {
    writeFileSync(path, Buffer.alloc(8192, 0x22));
    const { device } = open();
    const file = device.dma.mapFile(path, { prot: 'rw' });
    truncateSync(path, 4096);
    const error = refusal(() => file.read32(4096));
    assert.deepEqual([error.details.errno, error.details.offset], ['SIGBUS', 4096]);
    assert.equal(refusal(() => file.write32(4096, 1)).details.errno, 'SIGBUS');
    const block = file.readBlock({ offset: 4088, width: 32, count: 4 });
    assert.deepEqual(
      block.faults.map(({ index, count }) => [index, count]),
      [[2, 2]],
    );
    assert.match(refusal(() => file.check()).message, /nothing is behind firmware\+0x1000/);
    device.close();
  });

  test('that is none, is empty or is refused leaves nothing', () => {
    const { device, transport } = open();
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    writeFileSync(path, 'x');
    const why = (file: string): string => refusal(() => device.dma.mapFile(file)).details.why;
    assert.match(why(join(folder, 'nothing')), /no such file/);
    assert.match(why(folder), /no regular file|a folder/);
    assert.match(why('/dev/null'), /no regular file/);
    assert.match(why(empty), /empty/);
    transport.refuseMap = 'EFAULT';
    assert.match(why(path), /does not let a device write to a file/);
    assert.equal(device.dma.count, 0);
    assert.deepEqual(device.dma.buffers, []);
    device.close();
  });
});

describe('an array of JavaScript', () => {
  test('is mapped where it is whole pages', () => {
    const { device, transport } = open();
    const memory = new Uint8Array(runInThisContext('new WebAssembly.Memory({ initial: 1 }).buffer') as ArrayBuffer);
    const mapped = device.dma.map(memory, { name: 'wasm' });
    assert.deepEqual([mapped.kind, mapped.size, transport.made.get(0x100000n)?.fd], ['memory', 65536, -1]);
    mapped.write32(8, 0x12345678);
    assert.equal(memory[8], 0x78);
    assert.match(refusal(() => mapped.u8).message, /an array already/);
    device.close();
  });

  test('of a buffer is a second mapping of its file', () => {
    const { device, transport } = open();
    const ring = device.dma.alloc('ring', 4 * PAGE);
    const again = device.dma.map(ring.u8.subarray(PAGE, 3 * PAGE));
    assert.deepEqual([again.name, again.size], ['array0', 2 * PAGE]);
    const [first, second] = [...transport.made.values()];
    assert.equal(second?.fd, first?.fd);
    assert.equal(second?.fdOffset, (first?.fdOffset ?? 0) + PAGE);
    again.write32(0, 77);
    assert.equal(ring.read32(PAGE), 77);
    device.close();
  });

  test('that would bring its neighbours along is refused, and says why', () => {
    const { device, transport } = open();
    const error = refusal(() => device.dma.map(new Uint8Array(3 * PAGE + 5)));
    assert.match(error.message, /whole pages of 4 KiB, and the array/);
    assert.match(error.details.hint ?? '', /dma\.alloc/);
    assert.match(refusal(() => device.dma.map(new Uint8Array(0))).message, /empty/);
    assert.equal(transport.made.size, 0);
    device.close();
  });

  test('that is taken apart is no memory any more', () => {
    const { device } = open();
    const made: unknown = runInThisContext('new ArrayBuffer(8192, { maxByteLength: 8192 })');
    const buffer = made as ArrayBuffer & { resize(length: number): void };
    const mapped = device.dma.map(new Uint8Array(buffer, 0, 2 * PAGE));
    mapped.write32(0, 1);
    buffer.resize(PAGE);
    assert.match(refusal(() => mapped.read32(0)).message, /taken apart/);
    assert.match(refusal(() => mapped.check()).message, /taken apart/);
    device.close();
  });
});
