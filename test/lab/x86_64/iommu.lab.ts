import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the IOMMU of PCI devices', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'iommu-pci',
    tests: ['iommu-pci'],
    timeoutSeconds: 600,
    devices: [
      '-object',
      'memory-backend-ram,id=shared,size=4M,share=on',
      ...['edu,addr=04.0', 'ivshmem-plain,memdev=shared,addr=05.0'].flatMap((device) => ['-device', device]),
    ],
  });
});
