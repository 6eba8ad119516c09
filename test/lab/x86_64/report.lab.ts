import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('reports and snapshots of a PCI device', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'report',
    tests: ['report-pci'],
    devices: ['-device', 'edu,addr=04.0'],
  });
});
