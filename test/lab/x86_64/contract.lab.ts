import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the contract, on the devices of the kernel', async (t) => {
  await runGuestTests(t, {
    arch: 'x86_64',
    name: 'contract',
    tests: ['contract-pci'],
    devices: ['-device', 'edu,addr=04.0', '-device', 'e1000e,addr=05.0'],
  });
});
