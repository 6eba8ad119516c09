import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { accesses } from '../qemu-trace.js';

test('PCI devices by group and by iommufd', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'x86_64',
    name: 'kernel-pci',
    tests: ['kernel-pci'],
    devices: ['-device', 'edu,addr=04.0', '-device', 'e1000e,addr=05.0'],
    trace: true,
  });
  for (const via of ['group', 'cdev']) {
    await t.test(`by ${via}, one pread or pwrite is one access of its width`, async () => {
      const seen = accesses(await run.trace(), { name: 'edu-mmio', from: `${via} file begin`, to: `${via} file end` });
      assert.deepEqual(
        seen.map(({ op, addr, value, size }) => ({ op, offset: addr & 0xfffffn, value, size })),
        [
          { op: 'read', offset: 0n, value: 0x010000edn, size: 4 },
          { op: 'write', offset: 4n, value: 0x12345678n, size: 4 },
          { op: 'read', offset: 4n, value: 0xedcba987n, size: 4 },
          { op: 'read', offset: 0x80n, value: 0n, size: 8 },
        ],
      );
    });
  }
});

test('what keeps a PCI device from being opened', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'kernel-errors',
    tests: ['kernel-errors'],
    devices: [
      'edu,addr=04.0',
      'pcie-pci-bridge,id=bridge,addr=06.0',
      'edu,bus=bridge,addr=01.0',
      'pci-serial,bus=bridge,addr=02.0',
      'pci-serial-2x,addr=07.0',
    ].flatMap((device) => ['-device', device]),
  });
});

test('a PCI device without an IOMMU', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'kernel-noiommu',
    tests: ['kernel-noiommu'],
    kernelArgs: ['intel_iommu=off'],
    devices: ['-device', 'edu,addr=04.0'],
  });
});
