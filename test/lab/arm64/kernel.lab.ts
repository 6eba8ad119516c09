import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

test('AMBA and platform devices by group and by iommufd', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'kernel-platform',
    tests: ['kernel-platform'],
    devices: ['-device', 'edu,addr=04.0'],
    trace: true,
  });
  for (const via of ['group', 'cdev']) {
    await t.test(`by ${via}, one pread is one access of its width`, async () => {
      const trace = await run.trace();
      const rtc = accesses(trace, { name: 'pl031', from: `${via} rtc begin`, to: `${via} rtc end` });
      assert.deepEqual(
        rtc.map(({ op, addr, value, size }) => ({ op, offset: addr & 0xfffn, value, size })),
        [4, 2, 1].map((size) => ({ op: 'read', offset: 0xfe0n, value: 0x31n, size })),
      );
      const edu = accesses(trace, { name: 'edu-mmio', from: `${via} edu begin`, to: `${via} edu end` });
      assert.deepEqual(
        edu.map(({ op, addr, size }) => ({ op, offset: addr & 0xfffffn, size })),
        [{ op: 'read', offset: 0x80n, size: 8 }],
      );
    });
  }
});

test('devices whose interrupts no IOMMU isolates', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'kernel-unsafe',
    tests: ['kernel-unsafe'],
    kernelArgs: ['vfio_iommu_type1.allow_unsafe_interrupts=0', 'iommufd.allow_unsafe_interrupts=0'],
  });
});
