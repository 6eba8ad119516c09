import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the contract, on the devices of the kernel', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'contract',
    tests: ['contract-platform'],
    devices: ['-device', 'edu,addr=04.0'],
  });
});
