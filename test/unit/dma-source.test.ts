import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { runInThisContext } from 'node:vm';
import { open, PAGE, refusal } from './dma-fixture.js';

const folder = mkdtempSync('/dev/shm/vfiodbg-test-');
after(() => rmSync(folder, { recursive: true }));

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
