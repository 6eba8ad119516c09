import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the tool on AMBA and platform devices', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'main',
    // A minute and a half on a quiet machine.
    timeoutSeconds: 600,
    tests: ['main-platform', 'transcripts-platform', 'interrupts-platform', 'unplug-platform'],
  });
});
