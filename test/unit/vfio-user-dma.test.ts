import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import {
  Command,
  DMA_ACCESS_SIZE,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  TYPE_REPLY,
  decodeDmaMap,
  decodeDmaUnmap,
  encodeDmaAccess,
} from '../../src/vfio/abi/vfio-user.js';
import { MAP_SHARED, PROT_READ, PROT_WRITE, close, memfd, memoryAt, mmap, munmap } from '../../src/vfio/sys/libc.js';
import type { DmaMapping } from '../../src/vfio/transport/transport.js';
import { FakeServer, pause, refusal } from './fake-server.js';
import type { Received, Script } from './fake-server.js';

const server = new FakeServer();
before(() => server.ready());
afterEach(() => server.hangUp());
after(() => server.stop());

const requests = (records: readonly Received[], command: number): readonly Received[] =>
  records.filter(({ header }) => header.command === command && (header.flags & TYPE_REPLY) === 0);

describe('memory mapped for a vfio-user device', () => {
  const size = 0x3000;
  const fd = memfd('vfiodbg-test-dma', size).value;
  const address = mmap(size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0).value;
  const memory = Buffer.from(memoryAt(address, size));
  after(() => {
    munmap(address, size);
    close(fd);
  });
  const mapping: DmaMapping = {
    iova: 0x100000n,
    size: 0x1000,
    readable: true,
    writable: true,
    address: address + 0x1000,
    fd,
    fdOffset: 0x1000,
  };
  const dma = (iova: bigint, count: number, data = Buffer.alloc(0)): Buffer => {
    const payload = Buffer.alloc(DMA_ACCESS_SIZE + data.length);
    encodeDmaAccess(payload, 0, iova, count);
    data.copy(payload, DMA_ACCESS_SIZE);
    return payload;
  };
  const write = (id: number, iova: bigint, text: string): Script['REGION_READ'] => [
    [{ id, command: Command.DMA_WRITE, flags: 0, payload: dma(iova, text.length, Buffer.from(text)) }, { good: true }],
  ];
  const answers = (records: readonly Received[]): (readonly [number, number])[] =>
    records.filter(({ header }) => (header.flags & TYPE_REPLY) !== 0).map(({ header }) => [header.id, header.errno]);

  test('is handed over with its file, and taken back', async () => {
    const { device, end } = server.attach();
    assert.equal(device.dmaLimits().entriesLeft, 65535);
    device.dmaMap(mapping);
    assert.equal(device.dmaLimits().entriesLeft, 65534);
    device.dmaUnmap(mapping.iova, mapping.size);
    assert.equal(device.dmaLimits().entriesLeft, 65535);
    assert.equal(device.dmaLimits().pageSizes, 4096n);
    const records = await end();
    const [map] = requests(records, Command.DMA_MAP);
    assert.deepEqual(decodeDmaMap(Buffer.from(map?.payload ?? [])), {
      readable: true,
      writable: true,
      offset: 0x1000n,
      address: 0x100000n,
      size: 0x1000n,
    });
    assert.equal(map?.fds, 1);
    const [unmap] = requests(records, Command.DMA_UNMAP);
    assert.deepEqual(decodeDmaUnmap(Buffer.from(unmap?.payload ?? [])), {
      flags: 0,
      address: 0x100000n,
      size: 0x1000n,
    });
  });

  test('is read and written by the server in the middle of a request', async () => {
    memory.fill(0);
    memory.write('from the client', 0x1000);
    const { device, end } = server.attach({
      REGION_READ: [
        [
          { id: 900, command: Command.DMA_READ, flags: 0, payload: dma(0x100000n, 15) },
          { id: 901, command: Command.DMA_WRITE, flags: 0, payload: dma(0x100ffcn, 4, Buffer.from('last')) },
          {
            id: 902,
            command: Command.DMA_WRITE,
            flags: FLAG_NO_REPLY,
            payload: dma(0x100100n, 5, Buffer.from('quiet')),
          },
          { good: true },
        ],
      ],
    });
    device.dmaMap(mapping);
    const into = new Uint8Array(1);
    device.read(device.regionInfo(0), 0x55, into);
    assert.equal(into[0], 0x55);
    const records = await end();
    assert.deepEqual(answers(records), [
      [900, 0],
      [901, 0],
    ]);
    const read = records.find(({ header }) => header.id === 900);
    assert.equal(Buffer.from(read?.payload ?? []).toString('latin1', DMA_ACCESS_SIZE), 'from the client');
    assert.equal(memory.toString('latin1', 0x1ffc, 0x2000), 'last');
    assert.equal(memory.toString('latin1', 0x1100, 0x1105), 'quiet');
  });

  test('is reached while nothing goes on, too', async () => {
    memory.fill(0);
    const request = { command: Command.DMA_WRITE, flags: 0, payload: dma(0x100000n, 4, Buffer.from('idle')) };
    const { device, end } = server.attach({ DEVICE_RESET: [[{ good: true }, { ...request, id: 7, afterMs: 20 }]] });
    device.dmaMap(mapping);
    device.reset();
    for (let i = 0; i < 100 && memory[0x1000] === 0; i += 1) await pause(10);
    assert.equal(memory.toString('latin1', 0x1000, 0x1004), 'idle');
    assert.deepEqual(answers(await end()), [[7, 0]]);
  });

  const EACCES = 13;
  const EFAULT = 14;
  const EINVAL = 22;
  const EOPNOTSUPP = 95;
  const refused: readonly [string, number, Partial<DmaMapping> | undefined, Script['REGION_READ']][] = [
    ['with nothing mapped', EFAULT, undefined, write(1, 0x100000n, 'x')],
    ['below the mapping', EFAULT, {}, write(1, 0xfffffn, 'x')],
    ['over its end', EFAULT, {}, write(1, 0x100ffdn, 'four')],
    ['far away', EFAULT, {}, write(1, 0xffffffffffffffffn, 'x')],
    ['to what the device may not write', EACCES, { writable: false }, write(1, 0x100000n, 'x')],
    [
      'from what the device may not read',
      EACCES,
      { readable: false },
      [[{ id: 1, command: Command.DMA_READ, flags: 0, payload: dma(0x100000n, 1) }, { good: true }]],
    ],
    [
      'of more than a message holds',
      EINVAL,
      {},
      [[{ id: 1, command: Command.DMA_READ, flags: 0, payload: dma(0x100000n, 2 ** 32) }, { good: true }]],
    ],
    [
      'with fewer bytes than it claims',
      EINVAL,
      {},
      [[{ id: 1, command: Command.DMA_WRITE, flags: 0, payload: dma(0x100000n, 8, Buffer.from('x')) }, { good: true }]],
    ],
    [
      'without even an address',
      EINVAL,
      {},
      [[{ id: 1, command: Command.DMA_READ, flags: 0, payload: Buffer.alloc(3) }, { good: true }]],
    ],
    [
      'by a command that is none of the server’s',
      EOPNOTSUPP,
      {},
      [[{ id: 1, command: Command.REGION_READ, flags: 0, payload: Buffer.alloc(16), fds: 3 }, { good: true }]],
    ],
  ];
  for (const [what, errno, change, script] of refused) {
    test(`an access ${what} is refused, harms nothing, and the session goes on`, async () => {
      memory.fill(0);
      const { device, end } = server.attach({ REGION_READ: script ?? [] });
      if (change !== undefined) device.dmaMap({ ...mapping, ...change });
      device.read(device.regionInfo(0), 0, new Uint8Array(1));
      device.read(device.regionInfo(0), 0, new Uint8Array(1));
      assert.deepEqual(answers(await end()), [[1, errno]]);
      assert.ok(memory.every((byte) => byte === 0));
    });
  }

  test('is out of reach once it is unmapped, also where the server refuses the unmapping', async () => {
    memory.fill(0);
    const { device, end } = server.attach({
      DMA_UNMAP: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 22 }]],
      REGION_READ: write(1, 0x100000n, 'x') ?? [],
    });
    device.dmaMap(mapping);
    refusal('kernel', () => device.dmaUnmap(mapping.iova, mapping.size));
    device.read(device.regionInfo(0), 0, new Uint8Array(1));
    assert.deepEqual(answers(await end()), [[1, EFAULT]]);
    assert.equal(memory[0x1000], 0);
  });

  test('that the server refuses is not mapped', async () => {
    const { device, end } = server.attach({ DMA_MAP: [[{ flags: TYPE_REPLY | FLAG_ERROR, errno: 17 }]] });
    const error = refusal('busy', () => device.dmaMap(mapping));
    assert.equal(error.errno, 'EEXIST');
    assert.equal(error.operation, 'map 0x1000 bytes at IOVA 0x100000');
    assert.equal(device.dmaLimits().entriesLeft, 65535);
    await end();
  });
});
