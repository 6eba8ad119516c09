import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findMsixTable } from '../../src/vfio/transport/msix-table.js';

/** Config space with capabilities at the given places: [offset, id, next]. */
function config(...capabilities: readonly (readonly [at: number, id: number, next: number])[]): Buffer {
  const bytes = Buffer.alloc(256);
  bytes[0x34] = capabilities[0]?.[0] ?? 0;
  for (const [at, id, next] of capabilities) bytes.set([id, next], at);
  return bytes;
}

const find = (bytes: Buffer): ReturnType<typeof findMsixTable> =>
  findMsixTable((offset, length) => bytes.readUIntLE(offset, length));

test('the MSI-X table is found by the capability list', () => {
  // e1000e: power management, MSI, PCI Express, MSI-X with 5 entries at the start of BAR 3.
  const bytes = config([0xc8, 0x01, 0xd0], [0xd0, 0x05, 0xe0], [0xe0, 0x10, 0xa0], [0xa0, 0x11, 0x00]);
  bytes.writeUInt16LE(0x8004, 0xa2);
  bytes.writeUInt32LE(0x0000_0003, 0xa4);
  assert.deepEqual(find(bytes), { region: 3, offset: 0, size: 80 });
  bytes.writeUInt32LE(0xffff_f005, 0xa4);
  assert.deepEqual(find(bytes), { region: 5, offset: 0xffff_f000, size: 80 });
});

test('a list without it, that loops, or that leads astray gives none and ends', () => {
  assert.equal(find(config()), undefined);
  assert.equal(find(config([0x40, 0x01, 0x50], [0x50, 0x05, 0x00])), undefined);
  assert.equal(find(config([0x40, 0x01, 0x50], [0x50, 0x05, 0x40])), undefined);
  assert.equal(find(config([0x40, 0x01, 0x10])), undefined, 'into the header');
  assert.equal(find(Buffer.alloc(256, 0xff)), undefined, 'a device that has gone answers with ones');
});
