import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('DMA behind an SMMUv3', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'dma-platform',
    tests: ['dma-platform'],
    devices: ['-device', 'edu,addr=04.0'],
    timeoutSeconds: 400,
  });
});
