import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import {
  Command,
  FLAG_ERROR,
  REGION_ACCESS_SIZE,
  TYPE_REPLY,
  encodeRegionAccess,
} from '../../src/vfio/abi/vfio-user.js';
import { encodeDeviceInfo, encodeIrqInfo, encodeRegionInfo } from '../../src/vfio/abi/vfio.js';
import { VfioError } from '../../src/vfio/errors.js';
import { VfioUserTransport } from '../../src/vfio/transport/vfio-user.js';
import { FakeServer, pause } from './fake-server.js';
import type { Chunk, Script } from './fake-server.js';

const server = new FakeServer();
before(() => server.ready());
after(() => server.stop());

/** A server that keeps silent shall not make a test slow, and one that answers shall not be cut off on a busy machine. */
const TIMEOUT_MS = 400;

const openFds = (): string[] => {
  const paths: string[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      paths.push(`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`);
    } catch {
      // The descriptor of the listing itself is gone again.
    }
  }
  return paths;
};

/** What a debugger asks of a device when it opens it and looks at it. */
function session(device: VfioUserTransport): void {
  for (let index = 0; index < device.info.regionCount; index += 1) device.regionInfo(index);
  for (let index = 0; index < device.info.irqCount; index += 1) device.irqInfo(index);
  const region = device.regionInfo(0);
  device.read(region, 0x100, new Uint8Array(4));
  device.write(region, 0x100, new Uint8Array(4));
  device.setIrqs(0, 'mask', 0, 1, { type: 'none' });
  device.reset();
}

/**
 * Runs a session against a server that follows `script`. It must end in one VfioError of that kind, whose message matches; where the
 * connection ended, every further call must fail with kind 'lost' and say why; and every descriptor must be closed afterwards.
 */
async function ends(script: Script, kind: VfioError['kind'], message: RegExp): Promise<void> {
  const counted = openFds();
  const { fd, records } = server.serve(script);
  let device: VfioUserTransport | undefined;
  try {
    const error = caught(() => {
      device = VfioUserTransport.fromFd(fd, 'fake.sock', { timeoutMs: TIMEOUT_MS });
      session(device);
    });
    assert.equal(error.kind, kind, error.message);
    assert.match(error.message, message);
    assert.equal(error.details.device, 'fake.sock', error.message);
    assert.doesNotMatch(error.message, /undefined|NaN|\[object/);
    if (device !== undefined && (kind === 'protocol' || kind === 'lost')) {
      const later = caught(() => device?.regionInfo(0));
      assert.equal(later.kind, 'lost');
      assert.ok(later.message.includes(error.details.why), `${later.message} says why`);
    }
  } finally {
    device?.close();
    await records;
  }
  assert.deepEqual(openFds(), counted, 'no descriptor is left open');
}

function caught(body: () => unknown): VfioError {
  try {
    body();
  } catch (error) {
    assert.ok(error instanceof VfioError, String(error));
    return error;
  }
  assert.fail('nothing was refused');
}

const version = (json: string, major = 0, minor = 0): Buffer =>
  Buffer.concat([Buffer.from([major, 0, minor, 0]), Buffer.from(json), Buffer.alloc(1)]);

const region = (change: Partial<Parameters<typeof encodeRegionInfo>[0]> = {}): Buffer =>
  encodeRegionInfo({ index: 0, flags: 7, size: 0x10000, fileOffset: 0n, msixMappable: false, ...change });

/** A region's info with a chain of `links`, each the offset that a capability's header names as the next. */
function chain(first: number, links: readonly number[]): Buffer {
  const bytes = Buffer.alloc(32 + 16 * links.length);
  region({ flags: 15 }).copy(bytes);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(15, 4);
  bytes.writeUInt32LE(first, 12);
  for (const [i, next] of links.entries()) {
    bytes.writeUInt32LE(0x10063, 32 + 16 * i);
    bytes.writeUInt32LE(next, 36 + 16 * i);
  }
  return bytes;
}

function access(index: number, offset: number, count: number, bytes: number): Buffer {
  const payload = Buffer.alloc(REGION_ACCESS_SIZE + bytes);
  encodeRegionAccess(payload, 0, index, offset, count);
  return payload;
}

describe('a server that speaks wrongly', () => {
  const cases: readonly [what: string, script: Script, kind: VfioError['kind'], message: RegExp][] = [
    [
      'another major version',
      { VERSION: [[{ payload: version('', 1) }]] },
      'protocol',
      /version 1\.0 .* this program 0\.0/,
    ],
    ['a newer minor version', { VERSION: [[{ payload: version('', 0, 3) }]] }, 'protocol', /version 0\.3/],
    ['no version at all', { VERSION: [[{ payload: Buffer.alloc(3) }]] }, 'protocol', /3 bytes/],
    ['garbage for JSON', { VERSION: [[{ payload: version('{]\u0007') }]] }, 'protocol', /not JSON/],
    [
      'capabilities that are no numbers',
      { VERSION: [[{ payload: version('{"capabilities":{"max_msg_fds":"x"}}') }]] },
      'protocol',
      /max_msg_fds/,
    ],
    ['an error to the version', { VERSION: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 22 }]] }, 'kernel', /EINVAL/],
    ['a device of no bytes', { DEVICE_GET_INFO: [[{}]] }, 'protocol', /0 bytes/],
    ['a device info that is cut', { DEVICE_GET_INFO: [[{ payload: Buffer.alloc(15) }]] }, 'protocol', /15 bytes/],
    [
      '4 billion regions',
      { DEVICE_GET_INFO: [[{ payload: encodeDeviceInfo({ flags: 2, regionCount: 0xffffffff, irqCount: 5 }) }]] },
      'protocol',
      /4294967295 regions/,
    ],
    [
      '4 billion interrupts',
      { DEVICE_GET_INFO: [[{ payload: encodeDeviceInfo({ flags: 2, regionCount: 9, irqCount: 0xffffffff }) }]] },
      'protocol',
      /4294967295 interrupts/,
    ],
    [
      'a region info that is cut',
      { DEVICE_GET_REGION_INFO: [[{ payload: region().subarray(0, 31) }]] },
      'protocol',
      /31 bytes/,
    ],
    [
      'another region than asked',
      { DEVICE_GET_REGION_INFO: [[{ payload: region({ index: 5 }) }]] },
      'protocol',
      /answered for region 5/,
    ],
    [
      'a region info of 4 GiB',
      { DEVICE_GET_REGION_INFO: [[{ payload: Buffer.from(region().fill(0xff, 0, 4)) }]] },
      'protocol',
      /would take 4294967295 bytes/,
    ],
    [
      'a region beyond 2^53',
      { DEVICE_GET_REGION_INFO: [[{ payload: Buffer.from(region().fill(0xff, 16, 24)) }]] },
      'protocol',
      /beyond 2\^53/,
    ],
    [
      'a capability that names itself',
      { DEVICE_GET_REGION_INFO: [[{ payload: chain(32, [32]) }]] },
      'protocol',
      /cycle/,
    ],
    [
      'capabilities in a circle',
      { DEVICE_GET_REGION_INFO: [[{ payload: chain(32, [48, 64, 32]), fds: 1 }]] },
      'protocol',
      /cycle/,
    ],
    [
      'a chain that leaves the message',
      { DEVICE_GET_REGION_INFO: [[{ payload: chain(32, [48, 4096]) }]] },
      'protocol',
      /0x1000 lies outside/,
    ],
    [
      'a chain that starts outside',
      { DEVICE_GET_REGION_INFO: [[{ payload: chain(0xfffffff8, [0]) }]] },
      'protocol',
      /outside the structure/,
    ],
    [
      'a chain that starts inside the info',
      { DEVICE_GET_REGION_INFO: [[{ payload: chain(4, [0]) }]] },
      'protocol',
      /fixed part/,
    ],
    ['a misaligned capability', { DEVICE_GET_REGION_INFO: [[{ payload: chain(33, [0]) }]] }, 'protocol', /not aligned/],
    [
      'a sparse area outside its region',
      { DEVICE_GET_REGION_INFO: [[{ payload: region({ sparse: [{ offset: 0xf000, size: 0x2000 }] }), fds: 1 }]] },
      'protocol',
      /outside the region/,
    ],
    [
      '4 billion sparse areas',
      {
        DEVICE_GET_REGION_INFO: [
          [{ payload: Buffer.from(region({ sparse: [{ offset: 0, size: 1 }] }).fill(0xff, 40, 44)) }],
        ],
      },
      'protocol',
      /4294967295 areas/,
    ],
    [
      'too many descriptors',
      { DEVICE_GET_REGION_INFO: [[{ payload: region(), fds: 253 }]] },
      'protocol',
      /253 file descriptors in one message, 32 at most/,
    ],
    [
      'descriptors with what has none',
      { REGION_READ: [[{ good: true, fds: 2 }]] },
      'protocol',
      /2 file descriptors with VFIO_USER_REGION_READ/,
    ],
    [
      'another interrupt than asked',
      { DEVICE_GET_IRQ_INFO: [[{ payload: encodeIrqInfo({ index: 3, flags: 1, count: 1 }) }]] },
      'protocol',
      /answered for interrupt 3/,
    ],
    [
      '4 billion vectors',
      { DEVICE_GET_IRQ_INFO: [[{ payload: encodeIrqInfo({ index: 0, flags: 1, count: 0xffffffff }) }]] },
      'protocol',
      /4294967295 vectors/,
    ],
    [
      'fewer bytes than were read',
      { REGION_READ: [[{ payload: access(0, 0x100, 4, 3) }]] },
      'protocol',
      /19 bytes of payload instead of 20/,
    ],
    [
      'more bytes than were read',
      { REGION_READ: [[{ payload: access(0, 0x100, 4, 8) }]] },
      'protocol',
      /24 bytes of payload instead of 20/,
    ],
    [
      'another place than was read',
      { REGION_READ: [[{ payload: access(0, 0x104, 4, 4) }]] },
      'protocol',
      /read region0\+0x100 \(32 bits\).*region0\+0x104/,
    ],
    ['another region than was read', { REGION_READ: [[{ payload: access(1, 0x100, 4, 4) }]] }, 'protocol', /region1/],
    ['another count than was read', { REGION_READ: [[{ payload: access(0, 0x100, 2, 4) }]] }, 'protocol', /2 bytes at/],
    [
      'a shorter write than asked',
      { REGION_WRITE: [[{ payload: access(0, 0x100, 2, 0) }]] },
      'protocol',
      /write region0\+0x100 \(32 bits\).*2 bytes at/,
    ],
    ['nothing to a write', { REGION_WRITE: [[{}]] }, 'protocol', /0 bytes of payload instead of 16/],
    [
      'the wrong command',
      { REGION_READ: [[{ good: true, command: Command.REGION_WRITE }]] },
      'protocol',
      /answered VFIO_USER_REGION_READ with VFIO_USER_REGION_WRITE/,
    ],
    ['a command without a name', { DEVICE_RESET: [[{ command: 0xffff }]] }, 'protocol', /command 65535/],
    ['the wrong id', { REGION_READ: [[{ good: true, id: 0xfffe }]] }, 'protocol', /request that was not made/],
    ['two replies', { REGION_READ: [[{ good: true }, { good: true }]] }, 'protocol', /request that was not made/],
    ['neither command nor reply', { DEVICE_RESET: [[{ flags: 5 }]] }, 'protocol', /neither command nor reply/],
    ['a message of 4 GiB', { REGION_READ: [[{ size: 0xffffffff }]] }, 'protocol', /4294967295 bytes, 1048608 at most/],
    ['a message one byte too long', { REGION_READ: [[{ size: 1048609 }]] }, 'protocol', /1048609 bytes/],
    [
      'a message shorter than its header',
      { REGION_READ: [[{ size: 15 }]] },
      'protocol',
      /15 bytes, less than its own header/,
    ],
    ['a message of no size', { REGION_READ: [[{ size: 0 }]] }, 'protocol', /0 bytes, less/],
    [
      'an error number that is none',
      { REGION_READ: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 0xffffffff }]] },
      'access',
      /errno 4294967295/,
    ],
  ];
  for (const [what, script, kind, message] of cases) {
    test(`(${what}) is an error that says so`, () => ends(script, kind, message));
  }
});

test('whatever bytes a server answers with, the end is a VfioError or a session', async () => {
  const commands = Object.keys(Command).filter((name): name is keyof typeof Command => name in Command);
  const counted = openFds();
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...commands),
      fc.uint8Array({ maxLength: 100 }),
      fc.constantFrom(TYPE_REPLY, TYPE_REPLY | FLAG_ERROR, 0xfffffff1),
      async (command, payload, flags) => {
        const { fd, records } = server.serve({ [command]: [[{ payload, flags, fds: 1 }]] });
        let device: VfioUserTransport | undefined;
        try {
          device = VfioUserTransport.fromFd(fd, 'fake.sock', { timeoutMs: TIMEOUT_MS });
          session(device);
        } catch (error) {
          assert.ok(error instanceof VfioError, String(error));
        } finally {
          device?.close();
          await records;
        }
      },
    ),
    { numRuns: 150 },
  );
  assert.deepEqual(openFds(), counted);
});

describe('a server that goes away', () => {
  const commands = [
    'VERSION',
    'DEVICE_GET_INFO',
    'DEVICE_GET_REGION_INFO',
    'DEVICE_GET_IRQ_INFO',
    'REGION_READ',
    'REGION_WRITE',
    'DEVICE_SET_IRQS',
    'DEVICE_RESET',
  ] as const;
  const stages: readonly [string, Chunk, RegExp][] = [
    ['before the answer', { hangUp: true, cut: 0 }, /has hung up$/],
    [
      'in the middle of the header',
      { good: true, cut: 7, hangUp: true },
      /hung up in the middle of a message \(7 bytes of 16\)/,
    ],
    [
      'in the middle of the payload',
      { good: true, size: 64, cut: 16, fds: 1, hangUp: true },
      /hung up in the middle of a message \(16 bytes of 64\)/,
    ],
  ];
  for (const command of commands) {
    for (const [stage, chunk, message] of stages) {
      test(`${stage} of ${command} is lost`, () => ends({ [command]: [[chunk]] }, 'lost', message));
    }
  }

  test('right after an answer is found out by the next call', () =>
    ends({ DEVICE_GET_IRQ_INFO: [[{ good: true, hangUp: true }]] }, 'lost', /hung up/));

  test('is told on the event loop when a call finds it out', async () => {
    const { fd, records } = server.serve({ REGION_READ: [[{ hangUp: true, cut: 0 }]] });
    const device = VfioUserTransport.fromFd(fd, 'fake.sock', { timeoutMs: TIMEOUT_MS });
    const reasons: string[] = [];
    device.onLost(({ why }) => reasons.push(why));
    assert.throws(() => device.read(device.regionInfo(0), 0, new Uint8Array(1)), /hung up/);
    assert.equal(reasons.length, 0, 'not in the middle of the call');
    await pause(10);
    assert.deepEqual(reasons, ['the server has hung up']);
    device.onLost(({ why }) => reasons.push(`late listener: ${why}`));
    await pause(10);
    assert.equal(reasons[1], 'late listener: the server has hung up');
    assert.equal(reasons.length, 2);
    device.close();
    await records;
  });
});

describe('a server that is slow or will not stop', () => {
  const silent: readonly [string, Script][] = [
    ['to the version', { VERSION: [[]] }],
    ['to a read', { REGION_READ: [[]] }],
    ['after half a header', { REGION_READ: [[{ good: true, cut: 8 }]] }],
    ['after half a payload', { REGION_READ: [[{ good: true, cut: 20 - 3 }]] }],
  ];
  for (const [what, script] of silent) {
    test(`(silent ${what}) is a time-out`, () => ends(script, 'timeout', /no answer in 400 ms/));
  }

  test('(a flood of commands before the answer that never comes) is a time-out', () =>
    ends(
      { DEVICE_RESET: [[{ command: Command.DMA_READ, flags: 0x10, batch: 20_000, repeat: Infinity }]] },
      'timeout',
      /no answer/,
    ));

  test('(a flood of replies to nothing) is an error at the first', () =>
    ends({ DEVICE_RESET: [[{ id: 0xfffe, repeat: 200_000 }]] }, 'protocol', /not made/));

  test('(a flood while nothing goes on) does not keep answers from coming', async () => {
    const flood: Chunk = { command: Command.DMA_READ, flags: 0x10, payload: Buffer.alloc(16), repeat: 50_000 };
    const { device, end } = server.attach({ DEVICE_RESET: [[{ good: true }, flood]] }, 5000);
    device.reset();
    await pause(1);
    const into = new Uint8Array(2);
    device.read(device.regionInfo(0), 0x42, into);
    assert.deepEqual([...into], [0x42, 0x43]);
    const records = await end();
    assert.ok(
      records.every(({ header }) => header.command !== Command.DMA_READ),
      'none wanted a reply',
    );
  });

  test('(a flood without end while nothing goes on) leaves the event loop its turns', async () => {
    const flood: Chunk = {
      command: Command.DMA_READ,
      flags: 0x10,
      payload: Buffer.alloc(16),
      batch: 20_000,
      repeat: Infinity,
    };
    const { device, end } = server.attach({ DEVICE_RESET: [[{ good: true }, flood]] });
    device.reset();
    for (let turns = 0; turns < 20; turns += 1) await pause(1);
    await end();
  });

  test('(takes no replies while it asks and asks) is given up', async () => {
    const flood: Chunk = { command: Command.DMA_READ, flags: 0, payload: Buffer.alloc(16), repeat: 100_000 };
    const { device, end } = server.attach({ DEVICE_RESET: [[{ good: true }, flood]] });
    const reasons: string[] = [];
    device.onLost(({ why }) => reasons.push(why));
    device.reset();
    for (let i = 0; i < 200 && reasons.length === 0; i += 1) await pause(10);
    assert.match(reasons[0] ?? '', /takes no messages|took \d+ bytes/);
    await end();
  });
});
