import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Device } from '../../src/vfio/device.js';
import { VfioError } from '../../src/vfio/errors.js';
import { pread, pwrite } from '../../src/vfio/sys/libc.js';
import { type Width, bytesOf, widths } from '../../src/vfio/width.js';
import { MemfdTransport } from './memfd-transport.js';

function bytesAt(transport: MemfdTransport, offset: number, length: number): string {
  const bytes = Buffer.alloc(length);
  pread(transport.fd, bytes, offset);
  return bytes.toString('hex');
}

test('each width writes its own bytes, little endian, and leaves its neighbours', () => {
  for (const mmap of [true, false]) {
    const transport = new MemfdTransport(0x1000);
    using device = new Device(transport, { mmap });
    const region = device.region(0);
    for (const width of widths) {
      pwrite(transport.fd, Buffer.alloc(32, 0x55), 0);
      const value = 0xf1e2d3c4b5a69788n & ((1n << BigInt(width)) - 1n);
      region.write(width, 8, width === 64 ? value : Number(value));
      const expected = Buffer.alloc(32, 0x55);
      for (let byte = 0; byte < bytesOf(width); byte += 1)
        expected[8 + byte] = Number((value >> BigInt(8 * byte)) & 0xffn);
      assert.equal(bytesAt(transport, 0, 32), expected.toString('hex'), `${width} bits, mmap ${mmap}`);
      assert.equal(BigInt(region.read(width, 8)), value);
    }
  }
});

test('the file path makes one call of the exact width for each access, blocks included', () => {
  const transport = new MemfdTransport(0x1000);
  using device = new Device(transport, { mmap: false });
  const region = device.region(0);
  region.write8(3, 1);
  region.read16(2);
  region.readBlock({ offset: 0x10, width: 16, count: 3, stride: 8 });
  region.writeBlock({ offset: 0x20, width: 64, count: 2, stride: 0 }, Buffer.alloc(16, 7));
  assert.deepEqual(transport.calls, [
    { operation: 'write', offset: 3, bytes: 1 },
    { operation: 'read', offset: 2, bytes: 2 },
    { operation: 'read', offset: 0x10, bytes: 2 },
    { operation: 'read', offset: 0x18, bytes: 2 },
    { operation: 'read', offset: 0x20, bytes: 2 },
    { operation: 'write', offset: 0x20, bytes: 8 },
    { operation: 'write', offset: 0x20, bytes: 8 },
  ]);
});

test('a path that would split an access is refused by name, unless splitting is allowed', () => {
  const transport = new MemfdTransport(0x1000);
  transport.splitReason = 'vfio-platform splits 8 bytes into two';
  using device = new Device(transport, { mmap: false });
  const region = device.region(0);
  assert.throws(
    () => region.read64(0),
    (error: unknown) =>
      error instanceof VfioError && error.kind === 'unsupported' && /splits 8 bytes/.test(error.message),
  );
  assert.throws(() => region.write64(0, 1n), /no single access/);
  assert.equal(transport.calls.length, 0);
  assert.equal(region.read(64, 0, { allowSplit: true }), 0n);
});

test('a bus fault is an answer with its place; the other cells of the block are read', () => {
  const transport = new MemfdTransport(0x3000, {}, 0x1000);
  using device = new Device(transport);
  const region = device.region(0);
  region.write32(0xffc, 0xabcd);
  assert.throws(
    () => region.read32(0x1000),
    (error: unknown) => {
      assert.ok(error instanceof VfioError);
      assert.deepEqual(
        [error.kind, error.details.errno, error.details.space, error.details.offset, error.details.width],
        ['access', 'SIGBUS', 'region0', 0x1000, 32],
      );
      return true;
    },
  );
  for (const width of widths) {
    assert.throws(() => region.read(width, 0x2000), /SIGBUS/);
    assert.throws(() => region.write(width, 0x2000, width === 64 ? 1n : 1), /SIGBUS/);
  }
  const block = region.readBlock({ offset: 0xff8, width: 32, count: 6 });
  assert.deepEqual(
    block.faults.map(({ index, count }) => [index, count]),
    [[2, 4]],
  );
  assert.equal(Buffer.from(block.bytes).readUInt32LE(4), 0xabcd);
  assert.throws(() => region.writeBlock({ offset: 0xff8, width: 32, count: 4 }, Buffer.alloc(16, 1)), /0x1000.*SIGBUS/);
  assert.equal(bytesAt(transport, 0xff8, 8), '0101010101010101', 'the cells before the fault were written');
  assert.throws(() => region.poll(32, 0x1000, { mask: 1n, want: 1n, iterations: 10 }), /SIGBUS/);
  assert.equal(region.read32(0xffc), 0x01010101);
});

test('an access across the edge of the mapping takes the file path, as one access', () => {
  const transport = new MemfdTransport(0x1800, { sparse: [{ offset: 0, size: 0x1000 }] });
  using device = new Device(transport);
  const region = device.region(0);
  region.write32(0xffc, 1);
  region.write32(0x1000, 2);
  assert.deepEqual(transport.calls, [{ operation: 'write', offset: 0x1000, bytes: 4 }]);
  const { bytes } = region.readBlock({ offset: 0xff8, width: 32, count: 4 });
  assert.deepEqual([...new Uint32Array(bytes.buffer)], [0, 1, 2, 0]);
});

test('a region that cannot be mapped after all falls back and says why', () => {
  const transport = new MemfdTransport(0x1000, { fileOffset: 1n });
  using device = new Device(transport);
  device.region(0).read32(0);
  assert.deepEqual(device.region(0).windows, [{ start: 0, end: 0x1000, path: 'file', why: 'mmap failed: EINVAL' }]);
});

test('a stride of 0 stays at one place, others step over cells', () => {
  const transport = new MemfdTransport(0x1000);
  using device = new Device(transport);
  const region = device.region(0);
  region.writeBlock({ offset: 0, width: 32, count: 4, stride: 8 }, Buffer.from(new Uint32Array([1, 2, 3, 4]).buffer));
  assert.equal(bytesAt(transport, 0, 28), '01000000000000000200000000000000030000000000000004000000');
  region.writeBlock({ offset: 0x40, width: 16, count: 3, stride: 0 }, Buffer.from([1, 0, 2, 0, 3, 0]));
  assert.equal(bytesAt(transport, 0x40, 4), '03000000');
  assert.deepEqual([...region.readBlock({ offset: 0x40, width: 8, count: 3, stride: 0 }).bytes], [3, 3, 3]);
});

test('a block goes into memory of the caller, of which nothing is left in cells that were refused', () => {
  for (const mmap of [true, false]) {
    const transport = new MemfdTransport(0x2000, {}, 0x1000);
    pwrite(transport.fd, Buffer.alloc(8, 0x11), 0xff8);
    using device = new Device(transport, { mmap });
    const own = Buffer.alloc(20, 0xff);
    const block = device.region(0).readBlock({ offset: 0xff8, width: 32, count: 4 }, { into: own });
    assert.equal(own.toString('hex'), '1111111111111111' + '0000000000000000' + 'ffffffff');
    assert.deepEqual([block.bytes.buffer, block.bytes.byteLength], [own.buffer, 16]);
    assert.deepEqual(
      block.faults.map(({ index, count }) => [index, count]),
      [[2, 2]],
    );
    const tooSmall = { into: own.subarray(5) };
    assert.throws(() => device.region(0).readBlock({ offset: 0, width: 32, count: 4 }, tooSmall), /16 bytes, not 15/);
  }
});

test('poll reads until it matches, and tells how often it read', () => {
  for (const mmap of [true, false]) {
    using device = new Device(new MemfdTransport(0x1000), { mmap });
    const region = device.region(0);
    region.write32(0x10, 0x81);
    assert.deepEqual(region.poll(32, 0x10, { mask: 0x80n, want: 0x80n, iterations: 9 }), {
      matched: true,
      value: 0x81n,
      iterations: 1,
    });
    assert.deepEqual(region.poll(32, 0x10, { mask: 1n, want: 0n, iterations: 9 }), {
      matched: false,
      value: 0x81n,
      iterations: 9,
    });
  }
});

test('switching mapping off and on changes the path at once', () => {
  const transport = new MemfdTransport(0x1000);
  using device = new Device(transport);
  const region = device.region(0);
  region.read32(0);
  device.mmap = false;
  region.read32(0);
  assert.equal(transport.calls.length, 1);
  device.mmap = true;
  region.read32(0);
  assert.equal(transport.calls.length, 1);
});

test('regions that VFIO marks read-only or write-only refuse the other direction', () => {
  using readOnly = new Device(new MemfdTransport(0x1000, { writable: false, flags: 5 }));
  assert.throws(() => readOnly.region(0).write8(0, 1), /region0 is read-only/);
  assert.equal(readOnly.region(0).read8(0), 0);
  using writeOnly = new Device(new MemfdTransport(0x1000, { readable: false, flags: 6 }));
  assert.throws(() => writeOnly.region(0).read8(0), /cannot be read/);
});

test('widths are named in errors, and 64-bit values stay exact', () => {
  using device = new Device(new MemfdTransport(0x1000));
  const region = device.region(0);
  region.write64(8, 0xffff_ffff_ffff_fffen);
  assert.equal(region.read64(8), 0xffff_ffff_ffff_fffen);
  for (const width of [8, 16, 32] as Width[])
    assert.throws(() => region.write(width, 0, 2 ** width), new RegExp(`does not fit ${width} bits`));
});
