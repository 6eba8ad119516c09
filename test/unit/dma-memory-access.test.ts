import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { atomics, memoryAccess } from '../../src/vfio/dma/memory-access.js';
import { MAP_ANONYMOUS, MAP_PRIVATE, memoryAt, mmap, munmap, PROT_READ, PROT_WRITE } from '../../src/vfio/sys/libc.js';

const LENGTH = 4096;
const at = mmap(LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).value;
const bytes = new Uint8Array(memoryAt(at, LENGTH));
after(() => munmap(at, LENGTH));

test('what stands in for the stubs does what they do', () => {
  const pattern = Uint8Array.from({ length: 256 }, (_, index) => (index * 37 + 11) & 0xff);
  const seen = [memoryAccess(), atomics].map((access) => {
    bytes.fill(0).set(pattern);
    const values = [access.read8(at + 3), access.read16(at + 6), access.read32(at + 12), access.read64(at + 24)];
    access.write8(at + 0x200, 0xfe);
    access.write16(at + 0x202, 0xfedc);
    access.write32(at + 0x204, 0xfedcba98);
    access.write64(at + 0x208, 0xfedcba9876543210n);
    const blocks = ([8, 16, 32, 64] as const).flatMap((width) =>
      [width / 8, 16].map((stride) => {
        const into = new Uint8Array(10 * (width / 8));
        assert.equal(access.readBlock(width, at, 10, stride, into), 10);
        assert.equal(access.writeBlock(width, at + 0x400 + 0x20 * width, into, 10, stride), 10);
        return into;
      }),
    );
    const polls = [
      access.poll(32, at + 12, 0xffn, BigInt(pattern[12] ?? 0), 5),
      access.poll(16, at, 0xffffn, 0x1234n, 3),
    ];
    return { values, blocks, polls, left: Uint8Array.from(bytes) };
  });
  assert.deepEqual(seen[1], seen[0]);
});
