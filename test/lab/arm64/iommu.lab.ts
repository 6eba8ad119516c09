import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the IOMMU of AMBA, platform and PCI devices', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'iommu-platform',
    tests: ['iommu-platform'],
    timeoutSeconds: 400,
    devices: ['-device', 'edu,addr=04.0'],
  });
});
