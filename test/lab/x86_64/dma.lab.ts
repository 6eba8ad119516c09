import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('DMA behind VT-d', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'dma-pci',
    tests: ['dma-pci'],
    devices: ['-device', 'edu,addr=04.0'],
    timeoutSeconds: 600,
  });
});
