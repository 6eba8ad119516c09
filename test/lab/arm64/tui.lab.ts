import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the full screen on an AMBA device, in a terminal of the guest', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'tui',
    // Five minutes on a machine under load.
    timeoutSeconds: 900,
    tests: ['tui-platform'],
  });
});
