import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runGuestTests } from '../guest-tests.js';
import { seenBetween } from '../width-proof.js';

test('the device tree of the running kernel', async (t) => {
  const run = await runGuestTests(t, {
    arch: 'arm64',
    name: 'device-tree',
    tests: ['device-tree-platform'],
    timeoutSeconds: 400,
    devices: ['-device', 'edu,addr=04.0'],
    trace: true,
  });
  await t.test('opening a device with a node, and dt, touch nothing', async () => {
    const trace = await run.trace();
    for (const [model, size] of [
      ['pl031', 0x1000],
      ['virtio-mmio', 0x200],
      ['edu-mmio', 0x100000],
    ] as const)
      assert.deepEqual(seenBetween(trace, { model, size }, 'looking'), [], model);
  });
});
