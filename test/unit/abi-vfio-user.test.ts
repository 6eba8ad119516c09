import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { capabilities, chainCapabilities } from '../../src/vfio/abi/capability-chain.js';
import {
  Command,
  DMA_ACCESS_SIZE,
  FLAG_ERROR,
  FLAG_NO_REPLY,
  HEADER_SIZE,
  REGION_ACCESS_SIZE,
  TYPE_COMMAND,
  TYPE_MASK,
  TYPE_REPLY,
  commandName,
  decodeDmaAccess,
  decodeDmaMap,
  decodeDmaUnmap,
  decodeHeader,
  decodeInfoRequest,
  decodeRegionAccess,
  encodeDmaAccess,
  encodeDmaMap,
  encodeDmaUnmap,
  encodeHeader,
  encodeRegionAccess,
  encodeRegionInfoRequest,
} from '../../src/vfio/abi/vfio-user.js';
import { DEFAULT_CAPABILITIES, decodeVersion, encodeVersion } from '../../src/vfio/abi/vfio-user-version.js';
import { VfioError } from '../../src/vfio/errors.js';

function isProtocolError(error: unknown): boolean {
  return error instanceof VfioError && error.kind === 'protocol';
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('the vfio-user numbers', () => {
  test('are those of docs/interop/vfio-user.rst, "Commands"', () => {
    assert.deepEqual(
      { ...Command },
      {
        VERSION: 1,
        DMA_MAP: 2,
        DMA_UNMAP: 3,
        DEVICE_GET_INFO: 4,
        DEVICE_GET_REGION_INFO: 5,
        DEVICE_GET_REGION_IO_FDS: 6,
        DEVICE_GET_IRQ_INFO: 7,
        DEVICE_SET_IRQS: 8,
        REGION_READ: 9,
        REGION_WRITE: 10,
        DMA_READ: 11,
        DMA_WRITE: 12,
        DEVICE_RESET: 13,
        REGION_WRITE_MULTI: 15,
        DEVICE_FEATURE: 16,
        MIG_DATA_READ: 17,
        MIG_DATA_WRITE: 18,
      },
    );
    assert.equal(commandName(9), 'VFIO_USER_REGION_READ');
    assert.equal(commandName(14), 'command 14');
  });

  test('are those of "Header"', () => {
    assert.deepEqual(
      [HEADER_SIZE, TYPE_MASK, TYPE_COMMAND, TYPE_REPLY, FLAG_NO_REPLY, FLAG_ERROR],
      [16, 15, 0, 1, 0x10, 0x20],
    );
  });

  test('are those of "Version"', () => {
    assert.deepEqual(DEFAULT_CAPABILITIES, {
      maxMsgFds: 1,
      maxDataXferSize: 1048576,
      maxDmaMaps: 65535,
      pageSizes: 4096,
      writeMultiple: false,
    });
  });
});

describe('vfio-user layouts, byte by byte', () => {
  test('header', () => {
    const bytes = Buffer.alloc(HEADER_SIZE);
    const header = { id: 0x1234, command: 9, size: 0x20, flags: 0x21, errno: 22 };
    encodeHeader(bytes, header);
    assert.equal(hex(bytes), '34120900' + '20000000' + '21000000' + '16000000');
    assert.deepEqual(decodeHeader(bytes), header);
  });

  test('DMA_MAP and DMA_UNMAP', () => {
    const map = { readable: true, writable: false, offset: 0x1000n, address: 0xfedcba9876543000n, size: 0x2000n };
    const bytes = encodeDmaMap(map);
    assert.equal(hex(bytes), '20000000' + '01000000' + '0010000000000000' + '0030547698badcfe' + '0020000000000000');
    assert.deepEqual(decodeDmaMap(bytes), map);
    assert.equal(encodeDmaMap({ ...map, readable: false, writable: true }).readUInt32LE(4), 2);
    const unmap = encodeDmaUnmap(0x1000n, 0x2000n);
    assert.equal(hex(unmap), '18000000' + '00000000' + '0010000000000000' + '0020000000000000');
    assert.deepEqual(decodeDmaUnmap(unmap), { flags: 0, address: 0x1000n, size: 0x2000n });
  });

  test('region info request: argsz is the room for the reply, not the size of the request', () => {
    const bytes = encodeRegionInfoRequest(7, 4096);
    assert.equal(hex(bytes), '00100000' + '00000000' + '07000000' + '00000000'.repeat(5));
    assert.deepEqual(decodeInfoRequest(bytes, 32), { argsz: 4096, index: 7 });
  });

  test('region and DMA access', () => {
    const bytes = Buffer.alloc(20);
    encodeRegionAccess(bytes, 4, 2, 0x1_0000_0004, 8);
    assert.equal(hex(bytes), '00000000' + '0400000001000000' + '02000000' + '08000000');
    assert.deepEqual(decodeRegionAccess(bytes.subarray(4)), { offset: 0x1_0000_0004n, region: 2, count: 8 });
    encodeDmaAccess(bytes, 0, 0x1000n, 64);
    assert.equal(hex(bytes.subarray(0, 16)), '0010000000000000' + '4000000000000000');
    assert.deepEqual(decodeDmaAccess(bytes), { address: 0x1000n, count: 64n });
    assert.deepEqual(decodeDmaAccess(bytes.subarray(0, 12)), { address: 0x1000n, count: 64n });
  });

  test('a payload that is one byte short is refused', () => {
    const decoders: readonly [number, (payload: Buffer) => unknown][] = [
      [HEADER_SIZE, decodeHeader],
      [32, decodeDmaMap],
      [24, decodeDmaUnmap],
      [REGION_ACCESS_SIZE, decodeRegionAccess],
      [DMA_ACCESS_SIZE - 4, decodeDmaAccess],
      [32, (payload) => decodeInfoRequest(payload, 32)],
      [4, decodeVersion],
    ];
    for (const [size, decode] of decoders) {
      assert.throws(() => decode(Buffer.alloc(size - 1)), isProtocolError, String(size));
      assert.doesNotThrow(() => decode(Buffer.alloc(size)), String(size));
    }
  });
});

describe('VFIO_USER_VERSION', () => {
  const payload = (json: string): Buffer => Buffer.from(`\0\0\0\0${json}\0`);

  test('is major, minor and NUL-terminated JSON', () => {
    const bytes = encodeVersion({ major: 0, minor: 1, capabilities: { ...DEFAULT_CAPABILITIES, maxMsgFds: 8 } });
    assert.equal(hex(bytes.subarray(0, 4)), '00000100');
    assert.equal(
      bytes.toString('utf8', 4),
      '{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,"max_dma_maps":65535,"pgsizes":4096,"write_multiple":false}}\0',
    );
    assert.deepEqual(decodeVersion(bytes), {
      major: 0,
      minor: 1,
      capabilities: { ...DEFAULT_CAPABILITIES, maxMsgFds: 8 },
    });
  });

  test('gives the defaults for what is absent, and passes over what it does not know', () => {
    for (const json of ['', '{}', '{"capabilities":{}}', '{"capabilities":{"twin_socket":{"supported":true}},"x":1}']) {
      assert.deepEqual(decodeVersion(payload(json)).capabilities, DEFAULT_CAPABILITIES, json);
    }
    const old = decodeVersion(payload('{"capabilities":{"max_msg_fds":16,"migration":{"pgsize":4096}}}'));
    assert.deepEqual(old.capabilities, { ...DEFAULT_CAPABILITIES, maxMsgFds: 16 });
    assert.deepEqual(decodeVersion(Buffer.alloc(4)).capabilities, DEFAULT_CAPABILITIES);
    assert.deepEqual(decodeVersion(Buffer.from('\0\0\0\0{}')).capabilities, DEFAULT_CAPABILITIES, 'no NUL');
  });

  test('refuses capabilities that make no sense', () => {
    const wrong = [
      'x',
      '[]',
      'null',
      '1',
      '{"capabilities":3}',
      '{"capabilities":[]}',
      '{"capabilities":{"max_msg_fds":-1}}',
      '{"capabilities":{"max_msg_fds":1.5}}',
      '{"capabilities":{"max_msg_fds":"8"}}',
      '{"capabilities":{"max_data_xfer_size":0}}',
      '{"capabilities":{"max_data_xfer_size":1e400}}',
      '{"capabilities":{"pgsizes":null}}',
      '{"capabilities":{"write_multiple":1}}',
      '{"capabilities":',
      '['.repeat(100_000),
    ];
    for (const json of wrong) assert.throws(() => decodeVersion(payload(json)), isProtocolError, json.slice(0, 60));
    assert.throws(() => decodeVersion(Buffer.from([0, 0, 0, 0, 0x22, 0xff, 0x22, 0])), isProtocolError, 'not UTF-8');
  });
});

describe('a capability chain', () => {
  const base = 32;
  const chained = (links: readonly { id: number; next: number }[], size = 8 * links.length): Buffer => {
    const bytes = Buffer.alloc(base + size);
    for (const [i, { id, next }] of links.entries()) {
      bytes.writeUInt16LE(id, base + 8 * i);
      bytes.writeUInt16LE(1, base + 8 * i + 2);
      bytes.writeUInt32LE(next, base + 8 * i + 4);
    }
    return bytes;
  };

  test('is walked in its own order, backwards too', () => {
    const bytes = chained([
      { id: 1, next: 48 },
      { id: 2, next: 0 },
      { id: 3, next: 40 },
    ]);
    assert.deepEqual(
      capabilities(bytes, 32).map(({ id, version, offset }) => [id, version, offset]),
      [
        [1, 1, 32],
        [3, 1, 48],
        [2, 1, 40],
      ],
    );
    assert.deepEqual(capabilities(bytes, 0), []);
  });

  test('ends with an error where it is a cycle, out of bounds or misaligned', () => {
    const self = chained([{ id: 1, next: 32 }]);
    const pair = chained([
      { id: 1, next: 40 },
      { id: 2, next: 32 },
    ]);
    assert.throws(() => capabilities(self, 32), /comes twice/);
    assert.throws(() => capabilities(pair, 32), /capability 2 at offset 0x20 comes twice/);
    assert.throws(() => capabilities(chained([{ id: 1, next: 40 }]), 32), /outside the structure of 40 bytes/);
    assert.throws(() => capabilities(chained([{ id: 1, next: 0xffffffff }]), 32), /0xffffffff lies outside/);
    assert.throws(
      () => capabilities(chained([{ id: 1, next: 0 }]).subarray(0, 39), 32),
      /outside the structure of 39 bytes/,
    );
    assert.throws(() => capabilities(chained([{ id: 1, next: 0 }], 16), 34), /not aligned/);
    assert.throws(() => capabilities(chained([{ id: 1, next: 0 }]), 8), /inside the structure's fixed part/);
    assert.throws(() => capabilities(self, 32), isProtocolError);
  });

  test('of any bytes whatever ends, and names only places inside', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), fc.nat(300), (bytes, first) => {
        try {
          for (const { offset, data } of capabilities(bytes, first)) {
            assert.ok(offset >= 16 && offset + 8 + data.length === bytes.length);
          }
        } catch (error) {
          assert.ok(isProtocolError(error), String(error));
        }
      }),
    );
  });

  test('that was laid out reads back', () => {
    const chain = [
      { id: 1, version: 1, data: Buffer.from('0123456789ab') },
      { id: 3, version: 2, data: Buffer.alloc(0) },
      { id: 2, version: 1, data: Buffer.from('01234567') },
    ];
    const bytes = Buffer.concat([Buffer.alloc(base), chainCapabilities(chain, base)]);
    const read = capabilities(bytes, base);
    assert.deepEqual(
      read.map(({ id, version }) => [id, version]),
      [
        [1, 1],
        [3, 2],
        [2, 1],
      ],
    );
    assert.deepEqual(
      read.map(({ offset }) => offset % 8),
      [0, 0, 0],
    );
    for (const [i, { data }] of read.entries()) {
      assert.deepEqual(data.subarray(0, chain[i]?.data.length), chain[i]?.data);
    }
  });
});
