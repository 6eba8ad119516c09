import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { decodeIrqSet } from '../../src/vfio/abi/irq-set.js';
import { Command, FLAG_ERROR, TYPE_REPLY, decodeRegionAccess } from '../../src/vfio/abi/vfio-user.js';
import { encodeRegionInfo } from '../../src/vfio/abi/vfio.js';
import type { FailureDetails, VfioError } from '../../src/vfio/errors.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE, close, eventfd, mmap, munmap } from '../../src/vfio/sys/libc.js';
import { listen } from '../../src/vfio/sys/socket.js';
import { VfioUserTransport } from '../../src/vfio/transport/vfio-user.js';
import { FakeServer, pause, refusal } from './fake-server.js';
import type { Received } from './fake-server.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiodbg-client-'));
const server = new FakeServer();
before(() => server.ready());
afterEach(() => server.hangUp());
after(async () => {
  rmSync(folder, { recursive: true });
  await server.stop();
});

const requests = (records: readonly Received[], command: number): readonly Received[] =>
  records.filter(({ header }) => header.command === command && (header.flags & TYPE_REPLY) === 0);

/** Counted after a round trip, when the server (of this process) has closed what it sent. */
function openFds(device: VfioUserTransport): number {
  device.irqInfo(0);
  return readdirSync('/proc/self/fd').length;
}

describe('a vfio-user device', () => {
  test('says what it is', async () => {
    const { device, end } = server.attach();
    assert.deepEqual(device.info, { flags: 3, bus: 'pci', resettable: true, regionCount: 9, irqCount: 5 });
    assert.equal(device.regionInfo(0).size, 0x10000);
    assert.equal(device.regionInfo(2).size, 0);
    assert.equal(device.irqInfo(2).count, 16);
    assert.equal(device.maxTransfer, 1 << 20);
    assert.deepEqual(device.warnings, []);
    const records = await end();
    assert.deepEqual(
      records.slice(0, 2).map(({ header }) => header.command),
      [Command.VERSION, Command.DEVICE_GET_INFO],
    );
  });

  test('is read and written with one message an access, of exactly the width, offset and value', async () => {
    const { device, end } = server.attach();
    const region = device.regionInfo(0);
    const into = new Uint8Array(8);
    device.read(region, 0x1234, into.subarray(2, 4));
    assert.deepEqual([...into], [0, 0, 0x34, 0x35, 0, 0, 0, 0]);
    device.write(region, 0x8, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    device.write(region, 0xffff, Uint8Array.of(0xaa));
    const records = await end();
    const [read, ...moreReads] = requests(records, Command.REGION_READ);
    assert.deepEqual(decodeRegionAccess(Buffer.from(read?.payload ?? [])), { offset: 0x1234n, region: 0, count: 2 });
    assert.deepEqual(moreReads, []);
    const writes = requests(records, Command.REGION_WRITE).map(({ payload }) => Buffer.from(payload));
    assert.deepEqual(writes.map(decodeRegionAccess), [
      { offset: 8n, region: 0, count: 8 },
      { offset: 0xffffn, region: 0, count: 1 },
    ]);
    assert.deepEqual(
      writes.map((payload) => payload.toString('hex', 16)),
      ['0102030405060708', 'aa'],
    );
  });

  test('moves no more bytes in one message than both sides take', async () => {
    const json = Buffer.from('\0\0\0\0{"capabilities":{"max_data_xfer_size":64}}\0');
    const { device, end } = server.attach({ VERSION: [[{ payload: json }]] });
    const region = device.regionInfo(0);
    assert.equal(device.maxTransfer, 64);
    device.read(region, 0, new Uint8Array(64));
    const error = refusal('limit', () => device.read(region, 0x40, new Uint8Array(65)));
    assert.match(error.why, /65 bytes in one message, 64 at most/);
    refusal('limit', () => device.write(region, 0, new Uint8Array(65)));
    assert.equal(requests(await end(), Command.REGION_WRITE).length, 0);
  });

  test('moves a whole mebibyte at once', async () => {
    const { device, end } = server.attach();
    const bytes = new Uint8Array(1 << 20);
    device.read(device.regionInfo(0), 0, bytes);
    assert.ok(bytes.every((byte, i) => byte === (i & 0xff)));
    device.write(device.regionInfo(0), 0, bytes);
    const written = requests(await end(), Command.REGION_WRITE)[0];
    assert.deepEqual(Buffer.from(written?.payload ?? []).subarray(16), Buffer.from(bytes));
  });

  test('says why it refused, with the place', async () => {
    const { device, end } = server.attach({
      REGION_READ: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 5 }], [{ flags: TYPE_REPLY | FLAG_ERROR }]],
      DEVICE_RESET: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 95 }]],
      DEVICE_SET_IRQS: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 22 }]],
    });
    const region = device.regionInfo(0);
    const { why, ...place } = refusal('access', () => device.read(region, 0x104, new Uint8Array(4)));
    assert.deepEqual(place, {
      kind: 'access',
      operation: 'read',
      errno: 'EIO',
      device: 'fake.sock',
      space: 'region0',
      offset: 0x104,
      width: 32,
    });
    assert.match(why, /refused/);
    assert.match(refusal('access', () => device.read(region, 0, new Uint8Array(1))).why, /no reason/);
    assert.match(refusal('unsupported', () => device.reset()).errno ?? '', /ENOTSUP|EOPNOTSUPP/);
    const irqs = refusal('kernel', () => device.setIrqs(1, 'mask', 3, 1, { type: 'none' }));
    assert.equal(irqs.operation, 'mask interrupt 1 (vector 3)');
    device.read(region, 0, new Uint8Array(1));
    await end();
  });

  test('is mapped by the descriptor that came with the region, and only then', async () => {
    const { device, end } = server.attach();
    const plain = device.regionInfo(0);
    const mapped = device.regionInfo(1);
    assert.equal(device.mappingFd(plain), undefined);
    const counted = openFds(device);
    for (let i = 0; i < 5; i += 1) device.regionInfo(1);
    assert.equal(openFds(device), counted, 'asking again replaces the descriptor');
    const address = mmap(0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, device.mappingFd(mapped) ?? -1, 0);
    assert.equal(address.errno, 0);
    munmap(address.value, 0x10000);
    await end();
    assert.equal(device.mappingFd(mapped), undefined);
  });

  test('whose file does not hold what it offers to map is not mapped, and a warning says so', async () => {
    const region = (change: Partial<Parameters<typeof encodeRegionInfo>[0]> = {}): Buffer =>
      encodeRegionInfo({ index: 0, flags: 7, size: 0x10000, fileOffset: 0n, msixMappable: false, ...change });
    const sparse = [{ offset: 0x8000, size: 0x8000 }];
    const { device, end } = server.attach({
      DEVICE_GET_REGION_INFO: [
        [{ payload: region(), fds: 1, fdSize: 0xffff }],
        [{ payload: region({ sparse }), fds: 1, fdSize: 0x8000 }],
        [{ payload: region({ fileOffset: 0x1000n }), fds: 1, fdSize: 0x10000 }],
        [{ payload: region({ fileOffset: 0xffffffffffff0000n }), fds: 1 }],
        [{ payload: region() }],
        [{ payload: region({ sparse }), fds: 1, fdSize: 0x10000 }],
      ],
    });
    const backed = Array.from({ length: 6 }, () => device.mappingFd(device.regionInfo(0)) !== undefined);
    assert.deepEqual(backed, [false, false, false, false, false, true]);
    assert.deepEqual(
      device.warnings.map((warning) => /region0 is accessed by messages and not mapped: (.*)/.exec(warning)?.[1]),
      [
        'the file behind it has 0xffff bytes, 0x10000 are needed',
        'the file behind it has 0x8000 bytes, 0x10000 are needed',
        'the file behind it has 0x10000 bytes, 0x11000 are needed',
        'the file behind it has 0x10000 bytes, 0x10000000000000000 are needed',
        'the server sent no file descriptor for it',
      ],
    );
    await end();
  });

  test('takes a region whose info needs more room than asked for at first, and one descriptor for each sparse area', async () => {
    const sparse = Array.from({ length: 300 }, (_, i) => ({ offset: i * 0x1000, size: 0x800 }));
    const info = { index: 1, flags: 7, size: 1 << 21, fileOffset: 0n, sparse, msixMappable: false };
    const whole = encodeRegionInfo(info);
    const fixed = Buffer.from(whole.subarray(0, 32));
    const { device, end } = server.attach({
      DEVICE_GET_REGION_INFO: [
        [{ payload: fixed, fds: 2 }],
        [{ payload: whole, fds: 20, fdSize: 300 * 0x1000 - 0x800 }],
      ],
    });
    const counted = openFds(device);
    assert.deepEqual(device.regionInfo(1).sparse, sparse);
    assert.equal(openFds(device), counted + 1);
    assert.notEqual(device.mappingFd(device.regionInfo(1)), undefined);
    const rooms = requests(await end(), Command.DEVICE_GET_REGION_INFO).map(({ payload }) =>
      Buffer.from(payload).readUInt32LE(0),
    );
    assert.deepEqual(rooms.slice(0, 2), [4096, whole.length]);
  });

  test('installs eventfds in messages of no more than the server takes, and removes with none', async () => {
    const { device, end } = server.attach();
    const fds = Array.from({ length: 11 }, () => eventfd().value);
    device.setIrqs(2, 'trigger', 4, 13, { type: 'eventfds', fds: [...fds, -1, -1] });
    device.setIrqs(2, 'trigger', 0, 0, { type: 'none' });
    device.setIrqs(1, 'mask', 0, 2, { type: 'bool', values: [false, true] });
    for (const fd of fds) close(fd);
    const sets = requests(await end(), Command.DEVICE_SET_IRQS).map(({ payload, fds: count }) => {
      const { start, count: vectors, data } = decodeIrqSet(payload);
      return [start, vectors, data, count];
    });
    assert.deepEqual(sets, [
      [4, 8, 'eventfds', 8],
      [12, 3, 'eventfds', 3],
      [15, 2, 'eventfds', 0],
      [0, 0, 'none', 0],
      [0, 2, 'bool', 0],
    ]);
  });

  test('that answers late is a time-out, and its answer does not confuse the next', async () => {
    const { device, end } = server.attach({ REGION_READ: [[{ afterMs: 120, good: true, fds: 1 }]] }, 60);
    const region = device.regionInfo(0);
    const counted = openFds(device);
    const error = refusal('timeout', () => device.read(region, 0x20, new Uint8Array(4)));
    assert.match(error.why, /no answer in 60 ms/);
    await pause(150);
    const into = new Uint8Array(4);
    device.read(region, 0x40, into);
    assert.deepEqual([...into], [0x40, 0x41, 0x42, 0x43]);
    assert.equal(openFds(device), counted, 'what came with the late answer is closed');
    await end();
  });

  test('whose late answer comes in the middle of the next request is not confused either', async () => {
    const { device, end } = server.attach({ REGION_READ: [[{ afterMs: 100, good: true }]] }, 70);
    const region = device.regionInfo(0);
    refusal('timeout', () => device.read(region, 0x20, new Uint8Array(4)));
    const into = new Uint8Array(2);
    device.read(region, 0x40, into);
    assert.deepEqual([...into], [0x40, 0x41]);
    await end();
  });

  test('that hangs up while nothing goes on is reported once, and later calls say so', async () => {
    const { device, end } = server.attach({
      DEVICE_GET_INFO: [[{ good: true }, { afterMs: 20, hangUp: true, cut: 0 }]],
    });
    const reasons: FailureDetails[] = [];
    device.onLost((reason) => reasons.push(reason));
    for (let i = 0; i < 100 && reasons.length === 0; i += 1) await pause(10);
    await pause(30);
    assert.deepEqual(
      reasons.map(({ kind, why }) => [kind, why]),
      [['lost', 'the server has hung up']],
    );
    const error = refusal('lost', () => device.regionInfo(0));
    assert.match(error.why, /hung up/);
    assert.ok(error.hint);
    await end();
  });

  test('that is closed by us is not lost; everything after fails; closing again is nothing', async () => {
    const { device, end } = server.attach();
    let lost = 0;
    device.onLost(() => (lost += 1));
    const region = device.regionInfo(0);
    await end();
    device.close();
    await pause(20);
    assert.equal(lost, 0);
    assert.match(refusal('lost', () => device.read(region, 0, new Uint8Array(1))).why, /was closed/);
  });
});

test('an open device does not keep the process alive', () => {
  // The server's two answers lie in the socket before they are asked for, so that one thread is enough.
  const modules = new URL('../../src/vfio/', import.meta.url).href;
  const script = `
    import { encodeHeader } from '${modules}abi/vfio-user.js';
    import { encodeDeviceInfo } from '${modules}abi/vfio.js';
    import { NativeBuffer, send, socketpair } from '${modules}sys/socket.js';
    import { VfioUserTransport } from '${modules}transport/vfio-user.js';
    const [client, server] = socketpair().fds;
    const bytes = new NativeBuffer(64);
    const answer = (id, command, payload) => {
      encodeHeader(bytes.bytes, { id, command, size: 16 + payload.length, flags: 1, errno: 0 });
      bytes.bytes.set(payload, 16);
      send(server, bytes, 0, 16 + payload.length, [], Infinity);
    };
    answer(1, 1, Buffer.alloc(4));
    answer(2, 4, encodeDeviceInfo({ flags: 2, regionCount: 9, irqCount: 5 }));
    const device = VfioUserTransport.fromFd(client, 'quiet');
    device.onLost(() => console.log('lost'));
    console.log(device.info.bus);
  `;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.equal(ended.signal, null, 'it ended by itself');
  assert.equal(ended.stderr, '');
  assert.equal(ended.stdout, 'pci\n');
});

describe('connecting', () => {
  test('says why it cannot, with one thing to try', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const stale = join(folder, 'stale.sock');
    close(listen(stale).value);
    const cases: readonly [string, VfioError['kind'], string, RegExp][] = [
      [join(folder, 'nothing.sock'), 'absent', 'ENOENT', /no such socket/],
      [file, 'absent', 'ECONNREFUSED', /nobody listens/],
      [stale, 'absent', 'ECONNREFUSED', /nobody listens/],
      [join(folder, 'x'.repeat(200)), 'limit', 'ENAMETOOLONG', /at most 107 bytes/],
      ['', 'absent', 'EINVAL', /no path/],
    ];
    for (const [path, kind, errno, why] of cases) {
      const error = refusal(kind, () => VfioUserTransport.connect(path, { timeoutMs: 100 }));
      assert.equal(error.errno, errno);
      assert.match(error.why, why);
      assert.ok(error.hint);
    }
  });

  test('to a server that never answers ends in time and leaves nothing open', () => {
    const path = join(folder, 'mute.sock');
    const mute = listen(path, 4).value;
    const counted = readdirSync('/proc/self/fd').length;
    const error = refusal('timeout', () => VfioUserTransport.connect(path, { timeoutMs: 50 }));
    assert.match(error.operation, /agree on a version/);
    assert.equal(readdirSync('/proc/self/fd').length, counted);
    close(mute);
  });
});
