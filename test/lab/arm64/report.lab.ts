import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';

test('reports of an AMBA device', async (t) => {
  await runGuestTests(t, {
    arch: 'arm64',
    name: 'report',
    timeoutSeconds: 600,
    tests: ['report-platform'],
  });
});
