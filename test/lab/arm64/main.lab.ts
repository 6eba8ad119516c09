import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('the tool on AMBA and platform devices', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'main',
    tests: ['transcripts-platform'],
  });
});
