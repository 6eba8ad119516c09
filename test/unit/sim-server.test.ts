import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { encodeIrqSet } from '../../src/vfio/abi/irq-set.js';
import {
  Command,
  DMA_ACCESS_SIZE,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  HEADER_SIZE,
  REGION_ACCESS_SIZE,
  TYPE_COMMAND,
  TYPE_REPLY,
  decodeDmaAccess,
  encodeDmaAccess,
  encodeDmaMap,
  encodeDmaUnmap,
  encodeRegionAccess,
  encodeRegionInfoRequest,
} from '../../src/vfio/abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, decodeVersion, encodeVersion } from '../../src/vfio/abi/vfio-user-version.js';
import {
  decodeDeviceInfo,
  decodeIrqInfo,
  decodeRegionInfo,
  deviceInfoRequest,
  irqInfoRequest,
} from '../../src/vfio/abi/vfio.js';
import { close, eventfd, eventfdTake, memfd } from '../../src/vfio/sys/libc.js';
import { Wire } from './sim-wire.js';

const EIO = 5;
const EEXIST = 17;
const EINVAL = 22;
const ENOTTY = 25;
const ENOENT = 2;
const EOPNOTSUPP = 95;

const CONFIG = 7;

function region(index: number, offset: number | bigint, count: number, data: Uint8Array = new Uint8Array(0)): Buffer {
  const payload = Buffer.alloc(REGION_ACCESS_SIZE + data.length);
  encodeRegionAccess(payload, 0, index, offset, count);
  payload.set(data, REGION_ACCESS_SIZE);
  return payload;
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function write32(wire: Wire, index: number, offset: number, value: number): number {
  return wire.errno(Command.REGION_WRITE, region(index, offset, 4, word(value)));
}

function read32(wire: Wire, index: number, offset: number): number {
  const reply = wire.ask(Command.REGION_READ, region(index, offset, 4));
  assert.equal(reply.header.errno, 0);
  return reply.payload.readUInt32LE(REGION_ACCESS_SIZE);
}

function dmaMap(address: bigint, size: bigint): Buffer {
  return encodeDmaMap({ readable: true, writable: true, offset: 0n, address, size });
}

test('the version is agreed on once, first, and with the same major number', async () => {
  const wire = new Wire('edu');
  assert.equal(wire.errno(Command.DEVICE_GET_INFO, deviceInfoRequest()), EINVAL);
  const hello = encodeVersion({ major: 0, minor: 7, capabilities: DEFAULT_CAPABILITIES });
  const reply = decodeVersion(wire.ask(Command.VERSION, hello).payload);
  assert.deepEqual([reply.major, reply.minor], [0, 0]);
  assert.ok(reply.capabilities.maxMsgFds >= 32);
  assert.equal(wire.errno(Command.VERSION, hello), EINVAL);
  assert.equal(wire.next(), undefined);
  await wire.close();

  const other = new Wire('edu');
  assert.equal(
    other.errno(Command.VERSION, encodeVersion({ major: 9, minor: 0, capabilities: DEFAULT_CAPABILITIES })),
    EINVAL,
  );
  assert.equal(other.next(), undefined, 'and then the server hangs up');
  await other.close();
});

test('edu is described as vfio-pci describes it', async () => {
  const wire = Wire.ready('edu');
  const info = decodeDeviceInfo(wire.ask(Command.DEVICE_GET_INFO, deviceInfoRequest()).payload);
  assert.deepEqual([info.flags, info.regionCount, info.irqCount], [2, 9, 5]);
  const regions = Array.from({ length: 8 }, (_, index) => {
    const { flags, size } = decodeRegionInfo(
      wire.ask(Command.DEVICE_GET_REGION_INFO, encodeRegionInfoRequest(index, 32)).payload,
    );
    return [flags, size];
  });
  assert.deepEqual(regions, [
    [3, 0x100000],
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [0, 0],
    [3, 0x100],
  ]);
  assert.equal(wire.errno(Command.DEVICE_GET_REGION_INFO, encodeRegionInfoRequest(8, 32)), EINVAL);
  const irqs = [0, 1, 2, 4].map((index) => {
    const { flags, count } = decodeIrqInfo(wire.ask(Command.DEVICE_GET_IRQ_INFO, irqInfoRequest(index)).payload);
    return [flags, count];
  });
  assert.deepEqual(irqs, [
    [7, 1],
    [9, 1],
    [9, 0],
    [9, 1],
  ]);
  assert.equal(wire.errno(Command.DEVICE_GET_IRQ_INFO, irqInfoRequest(3)), EINVAL);
  assert.equal(wire.errno(Command.DEVICE_RESET, new Uint8Array(0)), EINVAL);
  await wire.close();
});

test('a region info that does not fit is cut to its fixed part and tells its size', async () => {
  const wire = Wire.ready('sram');
  const short = wire.ask(Command.DEVICE_GET_REGION_INFO, encodeRegionInfoRequest(2, 32));
  assert.equal(short.payload.length, 32);
  const needed = short.payload.readUInt32LE(0);
  assert.equal(decodeRegionInfo(short.payload).sparse, undefined);
  const whole = wire.ask(Command.DEVICE_GET_REGION_INFO, encodeRegionInfoRequest(2, needed));
  assert.equal(whole.payload.length, needed);
  assert.deepEqual(decodeRegionInfo(whole.payload).sparse, [
    { offset: 0, size: 0x1000 },
    { offset: 0x2000, size: 0x2000 },
  ]);
  assert.equal(whole.fds.length, 1);
  for (const fd of [...short.fds, ...whole.fds]) close(fd);
  await wire.close();
});

test('accesses outside of a region, against its permission or into nothing are refused', async () => {
  const wire = Wire.ready('sram');
  const read = (index: number, offset: number | bigint, count: number): number =>
    wire.errno(Command.REGION_READ, region(index, offset, count));
  assert.equal(read(0, 0x10000, 4), EINVAL);
  assert.equal(read(0, 0xfffd, 4), EINVAL);
  assert.equal(read(0, 0xffffffffffffffffn, 4), EINVAL);
  assert.equal(read(0, 0, 0), EINVAL);
  assert.equal(read(0, 0, 0xffffffff), EINVAL);
  assert.equal(read(5, 0, 4), EINVAL);
  assert.equal(read(99, 0, 4), EINVAL);
  assert.equal(read(4, 0, 4), EINVAL, 'write-only');
  assert.equal(write32(wire, 3, 0, 1), EINVAL, 'read-only');
  assert.equal(read(1, 0x200, 4), EIO, 'a hole');
  assert.equal(write32(wire, 1, 0x2fc, 1), EIO);
  assert.equal(read(1, 0x1fc, 4), 0);
  assert.equal(wire.errno(Command.REGION_WRITE, region(0, 0, 8, word(1))), EINVAL, 'count and data disagree');
  assert.equal(read32(wire, 1, 0), 0x4d415253);
  await wire.close();
});

test('a transfer becomes aligned accesses, as wide as they can be; one access of 8 bytes stays one', async () => {
  const wire = Wire.ready('sram');
  const last = (): [offset: number, bytes: number, accesses: number] => {
    const value = read32(wire, 1, 0x60);
    return [value & 0xffff, value >>> 16, read32(wire, 1, 0x68)];
  };
  wire.ask(Command.REGION_READ, region(1, 0x38, 8));
  assert.deepEqual(last(), [0x38, 8, 1]);
  wire.ask(Command.REGION_READ, region(1, 0x09, 6));
  assert.deepEqual(last(), [0x0e, 1, 5], '1 at 9, 2 at 10, 2 at 12, 1 at 14');
  await wire.close();
});

test('memory decode off: every region but config answers EIO, and comes back as it was', async () => {
  const wire = Wire.ready('sram');
  const before = read32(wire, 0, 0);
  assert.equal(write32(wire, CONFIG, 4, 0), 0);
  for (const index of [0, 1, 2, 3]) assert.equal(wire.errno(Command.REGION_READ, region(index, 0, 4)), EIO);
  assert.equal(read32(wire, CONFIG, 0), 0x11e91234);
  assert.equal(write32(wire, CONFIG, 4, 2), 0);
  assert.equal(read32(wire, 0, 0), before);
  await wire.close();
});

test('commands that are not served, and payloads that are too short, are refused and nothing else suffers', async () => {
  const wire = Wire.ready('edu');
  for (const command of [0, Command.DEVICE_GET_REGION_IO_FDS, 14, Command.DEVICE_FEATURE, 0xffff]) {
    assert.equal(wire.errno(command, new Uint8Array(16)), EOPNOTSUPP);
  }
  for (const command of [2, 3, 4, 5, 7, 8, 9, 10]) assert.equal(wire.errno(command, new Uint8Array(3)), EINVAL);
  assert.equal(read32(wire, 0, 0), 0x010000ed);
  await wire.close();
});

test('no-reply commands are carried out in silence', async () => {
  const wire = Wire.ready('edu');
  wire.send(Command.REGION_WRITE, region(0, 4, 4, word(1)), { flags: TYPE_COMMAND | FLAG_NO_REPLY });
  wire.send(99, new Uint8Array(0), { flags: TYPE_COMMAND | FLAG_NO_REPLY });
  assert.equal(read32(wire, 0, 4), 0xfffffffe);
  await wire.close();
});

for (const { name, bytes } of [
  { name: 'a message smaller than its header', bytes: header(15) },
  { name: 'a message of 4 GiB', bytes: header(0xffffffff) },
  { name: 'a message of an unknown type', bytes: header(HEADER_SIZE, 7) },
  { name: 'noise', bytes: Buffer.alloc(64, 0xa5) },
]) {
  test(`${name} ends the connection`, async () => {
    const wire = Wire.ready('edu');
    wire.sendBytes(bytes);
    assert.equal(wire.next(), undefined);
    await wire.close();
  });
}

function header(size: number, type = 0): Buffer {
  const bytes = Buffer.alloc(HEADER_SIZE);
  bytes.writeUInt16LE(4, 2);
  bytes.writeUInt32LE(size, 4);
  bytes.writeUInt32LE(type, 8);
  return bytes;
}

test('replies that nobody asked for are passed over', async () => {
  const wire = Wire.ready('edu');
  wire.send(Command.DMA_READ, new Uint8Array(16), { flags: TYPE_REPLY, id: 77 });
  assert.equal(read32(wire, 0, 0), 0x010000ed);
  await wire.close();
});

test('DMA mappings: whole pages, no overlap, unmapped exactly as they were mapped', async () => {
  const wire = Wire.ready('edu');
  const map = (address: bigint, size: bigint): number => wire.errno(Command.DMA_MAP, dmaMap(address, size));
  const unmap = (address: bigint, size: bigint): number => wire.errno(Command.DMA_UNMAP, encodeDmaUnmap(address, size));
  assert.equal(map(0x1000n, 0x2000n), 0);
  assert.equal(map(0x2000n, 0x1000n), EEXIST);
  assert.equal(map(0n, 0x1001n), EINVAL);
  assert.equal(map(0n, 0n), EINVAL);
  assert.equal(map(0xfffffffffffff000n, 0x2000n), EINVAL);
  assert.equal(map(0xfffffffffffff000n, 0x1000n), 0);
  assert.equal(map(0n, 0x1000n), 0);
  assert.equal(unmap(0x1000n, 0x1000n), ENOENT);
  assert.equal(unmap(0x1000n, 0x2000n), 0);
  assert.equal(unmap(0x1000n, 0x2000n), ENOENT);
  const small = memfd('small', 0x1000).value;
  assert.equal(wire.errno(Command.DMA_MAP, dmaMap(0x10000n, 0x2000n), [small]), EINVAL, 'the file is too short');
  assert.equal(wire.errno(Command.DMA_MAP, dmaMap(0x10000n, 0x1000n), [small, small]), EINVAL);
  close(small);
  await wire.close();
});

/** Lets edu copy 8 bytes between its buffer and memory at 0x1000 that was mapped without an fd. */
function startDma(wire: Wire, toMemory: boolean): void {
  write32(wire, CONFIG, 4, 6);
  write32(wire, 0, 0x80, toMemory ? 0x40000 : 0x1000);
  write32(wire, 0, 0x88, toMemory ? 0x1000 : 0x40000);
  write32(wire, 0, 0x90, 8);
  write32(wire, 0, 0x98, toMemory ? 3 : 1);
}

test('memory without an fd is read and written by messages', async () => {
  const wire = Wire.ready('edu');
  wire.errno(Command.DMA_MAP, dmaMap(0x1000n, 0x1000n));
  const data = Buffer.from('vfio-dma');

  startDma(wire, false);
  const asked = wire.next();
  assert.ok(asked);
  assert.equal(asked.header.command, Command.DMA_READ);
  assert.deepEqual(decodeDmaAccess(asked.payload), { address: 0x1000n, count: 8n });
  assert.equal(read32(wire, 0, 0), 0x010000ed, 'the device answers meanwhile');
  const answer = Buffer.alloc(DMA_ACCESS_SIZE + 8);
  encodeDmaAccess(answer, 0, 0x1000n, 8);
  data.copy(answer, DMA_ACCESS_SIZE);
  wire.send(Command.DMA_READ, answer, { flags: TYPE_REPLY, id: asked.header.id });
  while ((read32(wire, 0, 0x98) & 1) !== 0);

  startDma(wire, true);
  const written = wire.next();
  assert.ok(written);
  assert.equal(written.header.command, Command.DMA_WRITE);
  assert.deepEqual(written.payload.subarray(DMA_ACCESS_SIZE), data);
  wire.send(Command.DMA_WRITE, new Uint8Array(0), { flags: TYPE_REPLY | FLAG_ERROR, id: written.header.id });
  while ((read32(wire, 0, 0x98) & 1) !== 0);
  await wire.close();
});

test('a client that leaves in the middle of a DMA request takes nothing with it', async () => {
  const wire = Wire.ready('edu');
  wire.errno(Command.DMA_MAP, dmaMap(0x1000n, 0x1000n));
  startDma(wire, false);
  assert.equal(wire.next()?.header.command, Command.DMA_READ);
  await wire.close();
});

test('malformed interrupt requests are refused, and keep nothing', async () => {
  const wire = Wire.ready('edu');
  const irq = eventfd().value;
  const set = (...request: Parameters<typeof encodeIrqSet>): Buffer => encodeIrqSet(...request);
  const beside = (index: number, start: number, count: number): Buffer =>
    set(index, 'trigger', start, count, { type: 'eventfds', fds: [] }, 'beside');
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 2), [irq, irq]), EINVAL, 'a vector too many');
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 1), [irq, irq]), EINVAL, 'an fd too many');
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(9, 0, 1), [irq]), EINVAL);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 0xffffffff)), EINVAL);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 0)), EINVAL, 'no vector at all');
  const file = memfd('no eventfd', 4096).value;
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 1), [file]), EINVAL);
  close(file);
  assert.equal(
    wire.errno(Command.DEVICE_SET_IRQS, set(1, 'trigger', 0, 1, { type: 'none' })),
    EINVAL,
    'it is not enabled',
  );
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, set(1, 'trigger', 0, 0, { type: 'none' })), EINVAL);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(0, 0, 1), [irq]), 0);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 1), [irq]), EINVAL, 'INTx is on');
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, set(0, 'trigger', 0, 0, { type: 'none' })), 0);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, beside(1, 0, 1), [irq]), 0);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, set(1, 'mask', 0, 1, { type: 'none' })), ENOTTY);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, set(1, 'trigger', 0, 1, { type: 'bool', values: [false] })), 0);
  assert.equal(eventfdTake(irq), 0n);
  assert.equal(wire.errno(Command.DEVICE_SET_IRQS, set(1, 'trigger', 0, 1, { type: 'bool', values: [true] })), 0);
  assert.equal(eventfdTake(irq), 1n);
  close(irq);
  await wire.close();
});

test('descriptors that come with any other command are closed', async () => {
  const wire = Wire.ready('edu');
  const extra = eventfd().value;
  const open = (): number => readdirSync('/proc/self/fd').length;
  wire.errno(Command.DEVICE_GET_INFO, deviceInfoRequest(), [extra]);
  const before = open();
  for (let i = 0; i < 20; i++) wire.errno(Command.DEVICE_GET_INFO, deviceInfoRequest(), [extra, extra]);
  for (let i = 0; i < 20; i++) wire.errno(99, new Uint8Array(0), [extra]);
  assert.equal(open(), before);
  close(extra);
  await wire.close();
});
