import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the tool on PCI devices', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'main',
    tests: ['transcripts-pci'],
    devices: ['-device', 'edu,addr=04.0', '-device', 'e1000e,addr=05.0'],
  });
});
